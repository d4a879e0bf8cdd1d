import type { BulkKey } from "../../contract/bulk.ts"
import type { Queryable } from "./queryable.ts"

/** Whose decisions they are from now on: whoever started the job, or resumed it. */
export async function saveBulkActor(
  db: Queryable,
  { tenant, job_id, actor, roles }: BulkKey & { actor: string; roles: readonly string[] },
): Promise<void> {
  await db.query(`update bulk_job set actor = $3, roles = $4 where tenant_id = $1 and id = $2`, [
    tenant,
    job_id,
    actor,
    roles,
  ])
}
