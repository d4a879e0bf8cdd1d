import { z } from "zod"
import { BULK_STATES, type BulkKey, type BulkState } from "../../contract/bulk.ts"
import type { Queryable } from "./queryable.ts"

const Row = z.object({ state: z.enum(BULK_STATES) })

/**
 * What the job is from now on, as its workflow says it. A job that stopped and goes on tries what failed again, in
 * the versions that the transactions have by now. Asked twice, it does so once. A job that is over stays so, whoever
 * says otherwise: its cancel was acknowledged.
 * @returns what it is now, `undefined` when there is no such job.
 */
export async function saveBulkState(
  db: Queryable,
  { tenant, job_id, state, state_reason }: BulkKey & { state: BulkState; state_reason: string | null },
): Promise<BulkState | undefined> {
  const { rows } = await db.query(
    `with before as (
       select state from bulk_job where tenant_id = $1 and id = $2
     ), job as (
       update bulk_job
       set state = $3,
           state_reason = $4,
           started_at = coalesce(started_at, now()),
           resumed_at = case
             when $3 = 'running' and (resumed_at is null or state = 'stopped') then now() else resumed_at
           end,
           ended_at = case when $3 in ('completed', 'cancelled') then now() end
       where tenant_id = $1 and id = $2 and state not in ('completed', 'cancelled')
       returning state
     ), again as (
       update bulk_item as i
       set state = 'pending', round = i.round + 1, version = case when i.exception_id is null then t.version end,
           decision_id = null, code = null, detail = null, sent_at = null, settled_at = null
       from before, job, txn as t
       where job.state = 'running' and before.state = 'stopped'
         and i.tenant_id = $1 and i.job_id = $2 and i.state = 'failed'
         and t.tenant_id = i.tenant_id and t.instance_id = i.instance_id
     )
     select state from job`,
    [tenant, job_id, state, state_reason],
  )
  if (rows[0] !== undefined) return Row.parse(rows[0]).state
  // What is over does not change any more: a second look sees what the first one met.
  const stored = await db.query(`select state from bulk_job where tenant_id = $1 and id = $2`, [
    tenant,
    job_id,
  ])
  return stored.rows[0] === undefined ? undefined : Row.parse(stored.rows[0]).state
}
