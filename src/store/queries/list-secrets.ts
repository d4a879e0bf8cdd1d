import { z } from "zod"
import { timestamp } from "./columns.ts"
import type { Queryable } from "./queryable.ts"

const Row = z.object({
  name: z.string(),
  version: z.string(),
  key_id: z.string(),
  created_at: timestamp,
  updated_at: timestamp,
  updated_by: z.string(),
})

/** What may be seen of a tenant's secrets: everything but the values. */
export async function listSecrets(db: Queryable, tenant: string) {
  const { rows } = await db.query(
    `select name, version::text as version, key_id, created_at, updated_at, updated_by
     from secret where tenant_id = $1 order by name`,
    [tenant],
  )
  return z.array(Row).parse(rows)
}
