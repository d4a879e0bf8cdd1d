import type { BulkKey } from "../../contract/bulk.ts"
import type { Queryable } from "./queryable.ts"

/** Ends a job that was never started. @returns false when it is no preview any more. */
export async function cancelBulkPreview(db: Queryable, { tenant, job_id }: BulkKey): Promise<boolean> {
  const { rowCount } = await db.query(
    `update bulk_job
     set state = 'cancelled', state_reason = 'It was never started.', ended_at = now()
     where tenant_id = $1 and id = $2 and state = 'preview'`,
    [tenant, job_id],
  )
  return rowCount === 1
}
