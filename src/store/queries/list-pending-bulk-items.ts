import { z } from "zod"
import type { BulkKey } from "../../contract/bulk.ts"
import { bulkItemColumns, BulkItemRow } from "./bulk-item-row.ts"
import type { Queryable } from "./queryable.ts"

/** What a job takes next: what could not be asked before comes last. */
export async function listPendingBulkItems(
  db: Queryable,
  { tenant, job_id, limit }: BulkKey & { limit: number },
): Promise<BulkItemRow[]> {
  const { rows } = await db.query(
    `select ${bulkItemColumns}
     from bulk_item
     where tenant_id = $1 and job_id = $2 and state = 'pending'
     order by tries, seq
     limit $3`,
    [tenant, job_id, limit],
  )
  return z.array(BulkItemRow).parse(rows)
}
