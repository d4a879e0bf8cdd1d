import { transactionEvent } from "../events/event-columns.ts"
import { INSERT_EVENTS } from "../events/insert-events.ts"
import type { Queryable } from "./queryable.ts"

/**
 * A failed transaction goes on in a new run: its end no longer holds. Only while the mirror still shows the run
 * that failed; once rows of the new run are there, they are newer than this.
 */
export async function reopenTransaction(
  db: Queryable,
  {
    tenant,
    instance_id,
    failed_run,
    new_run,
  }: Record<"tenant" | "instance_id" | "failed_run" | "new_run", string>,
): Promise<void> {
  await db.query(
    `with reopened as (
       update txn set
         status = 'running', ended_at = null, confirmed_at = null, run_id = $4, chain = chain + 1, seq = 0,
         updated_at = now()
       where tenant_id = $1 and instance_id = $2 and run_id = $3
       returning ${transactionEvent("txn")}
     ), told as (select 1 as place, * from reopened),
     ${INSERT_EVENTS}
     select (select count(*) from rung)`,
    [tenant, instance_id, failed_run, new_run],
  )
}
