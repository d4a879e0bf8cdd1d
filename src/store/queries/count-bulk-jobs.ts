import { z } from "zod"
import { bigint } from "./columns.ts"
import type { Queryable } from "./queryable.ts"

const Row = z.object({ total: bigint })

export async function countBulkJobs(
  db: Queryable,
  { tenant, state }: { tenant: string; state: string | null },
): Promise<number> {
  const { rows } = await db.query(
    `select count(*) as total from bulk_job where tenant_id = $1 and ($2::text is null or state = $2)`,
    [tenant, state],
  )
  return Row.parse(rows[0]).total
}
