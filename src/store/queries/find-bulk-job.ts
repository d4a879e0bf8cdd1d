import type { BulkKey } from "../../contract/bulk.ts"
import { bulkJobColumns, BulkJobRow, bulkJobTables } from "./bulk-job-row.ts"
import type { Queryable } from "./queryable.ts"

/** `undefined` when the tenant has no such job. */
export async function findBulkJob(
  db: Queryable,
  { tenant, job_id }: BulkKey,
): Promise<BulkJobRow | undefined> {
  const { rows } = await db.query(
    `select ${bulkJobColumns} from ${bulkJobTables} where j.tenant_id = $1 and j.id = $2`,
    [tenant, job_id],
  )
  return rows[0] === undefined ? undefined : BulkJobRow.parse(rows[0])
}
