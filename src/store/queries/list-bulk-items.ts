import { z } from "zod"
import type { BulkItemState, BulkKey } from "../../contract/bulk.ts"
import { bulkItemColumns, BulkItemRow } from "./bulk-item-row.ts"
import type { Queryable } from "./queryable.ts"

interface Part extends BulkKey {
  state: BulkItemState | null
  /** Those behind this one; 0 for all. */
  after_seq: number
  limit: number
}

/** In the order they are taken in. */
export async function listBulkItems(
  db: Queryable,
  { tenant, job_id, state, after_seq, limit }: Part,
): Promise<BulkItemRow[]> {
  const { rows } = await db.query(
    `select ${bulkItemColumns}
     from bulk_item
     where tenant_id = $1 and job_id = $2 and ($3::text is null or state = $3) and seq > $4
     order by seq
     limit $5`,
    [tenant, job_id, state, after_seq, limit],
  )
  return z.array(BulkItemRow).parse(rows)
}
