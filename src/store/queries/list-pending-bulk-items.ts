import { z } from "zod"
import type { BulkKey, BulkLimit } from "../../contract/bulk.ts"
import { bulkItemColumns, BulkItemRow } from "./bulk-item-row.ts"
import type { Queryable } from "./queryable.ts"

/**
 * What a job takes next: what could not be asked before comes last. Who was asked is counted in the same look: one
 * that an earlier attempt of the step is still asking is among the answer or among the asked.
 */
export async function listPendingBulkItems(
  db: Queryable,
  { tenant, job_id, limit, most_asked }: BulkKey & Pick<BulkLimit, "limit"> & { most_asked: number | null },
): Promise<BulkItemRow[]> {
  const { rows } = await db.query(
    `select ${bulkItemColumns}
     from bulk_item
     where tenant_id = $1 and job_id = $2 and state = 'pending'
     order by tries, seq
     limit case
       when $4::bigint is null then $3::bigint
       else least($3::bigint, greatest(0, $4::bigint - (
         select count(*) from bulk_item where tenant_id = $1 and job_id = $2 and sent_at is not null
       )))
     end`,
    [tenant, job_id, limit, most_asked],
  )
  return z.array(BulkItemRow).parse(rows)
}
