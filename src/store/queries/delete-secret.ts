import type { Queryable } from "./queryable.ts"

/** Whether there was one. */
export async function deleteSecret(db: Queryable, tenant: string, name: string): Promise<boolean> {
  const { rowCount } = await db.query("delete from secret where tenant_id = $1 and name = $2", [tenant, name])
  return rowCount === 1
}
