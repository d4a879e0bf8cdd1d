import type { Queryable } from "./queryable.ts"

/** @returns whether the tenant had it. */
export async function deleteTaskDefinition(
  db: Queryable,
  { tenant, name }: { tenant: string; name: string },
): Promise<boolean> {
  const { rowCount } = await db.query("delete from task_definition where tenant_id = $1 and name = $2", [
    tenant,
    name,
  ])
  return (rowCount ?? 0) > 0
}
