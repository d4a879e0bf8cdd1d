import type { Queryable } from "./queryable.ts"

/** Nothing changes where it is so already. */
export async function setFlowActive(
  db: Queryable,
  { tenant, flow, active, user }: { tenant: string; flow: string; active: boolean; user: string },
): Promise<void> {
  await db.query(
    `update flow set is_active = $3, updated_user = $4, updated_at = clock_timestamp()
     where tenant_id = $1 and (id = $2 or name = $2) and deleted_at is null and is_active <> $3`,
    [tenant, flow, active, user],
  )
}
