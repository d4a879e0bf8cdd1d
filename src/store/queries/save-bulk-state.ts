import type { BulkKey, BulkState } from "../../contract/bulk.ts"
import type { Queryable } from "./queryable.ts"

/**
 * What the job is from now on, as its workflow says it. A job that stopped and goes on tries what failed again, in
 * the versions that the transactions have by now. Asked twice, it does so once.
 */
export async function saveBulkState(
  db: Queryable,
  { tenant, job_id, state, state_reason }: BulkKey & { state: BulkState; state_reason: string | null },
): Promise<void> {
  await db.query(
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
           ended_at = case when $3 in ('completed', 'cancelled') then coalesce(ended_at, now()) end
       where tenant_id = $1 and id = $2
     )
     update bulk_item as i
     set state = 'pending', round = i.round + 1, version = case when i.exception_id is null then t.version end, decision_id = null, code = null, detail = null,
         sent_at = null, settled_at = null
     from before, txn as t
     where $3 = 'running' and before.state = 'stopped'
       and i.tenant_id = $1 and i.job_id = $2 and i.state = 'failed'
       and t.tenant_id = i.tenant_id and t.instance_id = i.instance_id`,
    [tenant, job_id, state, state_reason],
  )
}
