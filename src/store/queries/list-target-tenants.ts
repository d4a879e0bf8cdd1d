import { z } from "zod"
import type { Queryable } from "./queryable.ts"

/** The tenants that have a connection or a secret stored. */
export async function listTargetTenants(db: Queryable): Promise<string[]> {
  const { rows } = await db.query(
    `select tenant_id from connection union select tenant_id from secret order by tenant_id`,
  )
  return z.array(z.object({ tenant_id: z.string() }).transform((row) => row.tenant_id)).parse(rows)
}
