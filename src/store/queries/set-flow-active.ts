import { z } from "zod"
import type { Queryable } from "./queryable.ts"

const Row = z.object({ id: z.string(), name: z.string() })

/** Nothing changes where it is so already. @returns the id and name of the flow that was changed. */
export async function setFlowActive(
  db: Queryable,
  { tenant, flow, active, user }: { tenant: string; flow: string; active: boolean; user: string },
): Promise<z.output<typeof Row> | undefined> {
  const { rows } = await db.query(
    `update flow set is_active = $3, updated_user = $4, updated_at = clock_timestamp()
     where tenant_id = $1 and (id = $2 or name = $2) and deleted_at is null and is_active <> $3
     returning id, name`,
    [tenant, flow, active, user],
  )
  return rows[0] === undefined ? undefined : Row.parse(rows[0])
}
