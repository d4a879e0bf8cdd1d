import type { BulkAction, BulkKey, BulkPace } from "../../contract/bulk.ts"
import type { BulkItemRow } from "./bulk-item-row.ts"
import type { Queryable } from "./queryable.ts"

export interface NewBulkJob extends BulkKey, BulkPace {
  action: BulkAction
  reason: string
  filter: object
  actor: string
  roles: readonly string[]
  /** In the order they are to be taken in. */
  items: NewBulkItem[]
}

export interface NewBulkItem extends Pick<
  BulkItemRow,
  "instance_id" | "exception_id" | "path" | "operation" | "effect" | "version" | "code" | "detail"
> {
  state: "pending" | "refused"
}

/** A job that is not started yet, with everything it is about. */
export async function insertBulkJob(db: Queryable, job: NewBulkJob): Promise<void> {
  await db.query(
    `with job as (
       insert into bulk_job (
         tenant_id, id, action, reason, filter, actor, roles, velocity, canary, stop_above, settle_ms, state
       )
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'preview')
       returning tenant_id, id
     )
     insert into bulk_item (
       tenant_id, job_id, seq, instance_id, exception_id, path, operation, effect, version, state, code, detail
     )
     select
       job.tenant_id, job.id, item.seq, r.instance_id, r.exception_id, r.path, r.operation, r.effect, r.version, r.state,
       r.code, r.detail
     from job
     cross join json_array_elements($12) with ordinality as item (value, seq)
     cross join json_to_record(item.value) as r (
       instance_id text, exception_id bigint, path text, operation text, effect text, version bigint, state text,
       code text, detail text
     )`,
    [
      job.tenant,
      job.job_id,
      job.action,
      job.reason,
      JSON.stringify(job.filter),
      job.actor,
      job.roles,
      job.velocity,
      job.canary,
      job.stop_above,
      job.settle_ms,
      JSON.stringify(job.items),
    ],
  )
}
