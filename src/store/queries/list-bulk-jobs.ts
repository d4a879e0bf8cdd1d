import { z } from "zod"
import { bulkJobColumns, BulkJobRow, bulkJobTables } from "./bulk-job-row.ts"
import type { Queryable } from "./queryable.ts"
import type { Slice } from "./slice.ts"

/** Newest first. */
export async function listBulkJobs(
  db: Queryable,
  { tenant, state }: { tenant: string; state: string | null },
  { limit, offset, after }: Slice,
): Promise<BulkJobRow[]> {
  const { rows } = await db.query(
    `select ${bulkJobColumns}
     from ${bulkJobTables}
     where j.tenant_id = $1
       and ($2::text is null or j.state = $2)
       and ($3::bigint is null
            or j.created_at < timestamptz 'epoch' + $3::bigint * interval '1 microsecond'
            or (j.created_at = timestamptz 'epoch' + $3::bigint * interval '1 microsecond' and j.id > $4))
     order by j.created_at desc, j.id
     limit $5 offset $6`,
    [tenant, state, after?.at ?? null, after?.id ?? null, limit, offset],
  )
  return z.array(BulkJobRow).parse(rows)
}
