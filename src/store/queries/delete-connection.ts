import type { Queryable } from "./queryable.ts"

/** Whether it was there, at `version`. */
export async function deleteConnection(
  db: Queryable,
  { tenant, name, version }: { tenant: string; name: string; version: string },
): Promise<boolean> {
  const { rowCount } = await db.query(
    "delete from connection where tenant_id = $1 and name = $2 and version = $3",
    [tenant, name, version],
  )
  return rowCount === 1
}
