import { transactionEvent } from "../events/event-columns.ts"
import { INSERT_EVENTS } from "../events/insert-events.ts"
import type { Queryable } from "./queryable.ts"

/** The run that a failed one goes on in, and its place in the order of the mirror's rows. */
interface Reopening {
  tenant: string
  instance_id: string
  failed_run: string
  new_run: string
  resets: number
  chain: number
}

/**
 * A failed transaction goes on in a new run: its end no longer holds. Also where the mirror has not yet heard of the
 * run that failed, or it could be done again meanwhile; but once rows of the new run are there, they are newer.
 */
export async function reopenTransaction(
  db: Queryable,
  { tenant, instance_id, failed_run, new_run, resets, chain }: Reopening,
): Promise<void> {
  await db.query(
    `with reopened as (
       update txn set
         status = 'running', ended_at = null, confirmed_at = null, run_id = $4, resets = greatest(resets, $5), chain = $6,
         seq = 0, updated_at = now()
       where tenant_id = $1 and instance_id = $2 and (run_id = $3 or (resets, chain) < ($5::integer, $6::integer))
       returning ${transactionEvent("txn")}
     ), told as (select 1 as place, * from reopened),
     ${INSERT_EVENTS}
     select (select count(*) from rung)`,
    [tenant, instance_id, failed_run, new_run, resets, chain],
  )
}
