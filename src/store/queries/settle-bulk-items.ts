import type { BulkKey } from "../../contract/bulk.ts"
import type { Queryable } from "./queryable.ts"

/**
 * Finds out what decisions of a job led to. The mirror tells a decision together with what it changed at once, so a
 * task that is still parked where its decision is known was parked again. What is about a whole transaction has
 * succeeded when that does what was asked for.
 */
export async function settleBulkItems(db: Queryable, { tenant, job_id }: BulkKey): Promise<void> {
  await db.query(
    `update bulk_item as i
     set state = found.state, settled_at = now(), code = found.code, detail = found.detail
     from (
       select
         i.seq,
         case
           when j.action in ('pause', 'resume') then 'succeeded'
           when j.action in ('cancel', 'abort') then case
             when t.status in ('cancelled', 'failed', 'compensated', 'success', 'closed') then 'succeeded'
             when t.status = 'blocked' then 'failed'
           end
           when i.path = '' then case
             when t.status = 'success' then 'succeeded'
             when t.status in ('blocked', 'failed', 'compensated', 'cancelled', 'closed') then 'failed'
           end
           when i.operation = 'undo' then case
             when k.compensation in ('success', 'not_needed', 'waived') then 'succeeded'
             when k.compensation = 'parked' then 'failed'
           end
           when k.status in ('success', 'skipped', 'pruned') then 'succeeded'
           when k.status in ('parked', 'failed', 'cancelled') then 'failed'
         end as state,
         k.error ->> 'code' as code,
         k.error ->> 'message' as detail
       from bulk_item as i
       join bulk_job as j on j.tenant_id = i.tenant_id and j.id = i.job_id
       join decision as d
         on d.tenant_id = i.tenant_id and d.instance_id = i.instance_id and d.decision_id = i.decision_id
       join txn as t on t.tenant_id = i.tenant_id and t.instance_id = i.instance_id
       left join txn_task as k
         on k.tenant_id = i.tenant_id and k.instance_id = i.instance_id and k.path = i.path
       where i.tenant_id = $1 and i.job_id = $2 and i.state = 'sent'
     ) as found
     where i.tenant_id = $1 and i.job_id = $2 and i.seq = found.seq and i.state = 'sent' and found.state is not null`,
    [tenant, job_id],
  )
}
