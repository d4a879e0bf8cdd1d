import { z } from "zod"
import type { Queryable } from "./queryable.ts"

const Row = z.object({
  id: z.string(),
  name: z.string(),
  version: z.int(),
  is_active: z.boolean(),
  plan_hash: z.string(),
})
export type ActiveVersionRow = z.output<typeof Row>

/**
 * What a start needs to know of a flow, by id or by name as in `find-flow.ts`. Without the source, which may be
 * a megabyte.
 */
export async function findActiveVersion(
  db: Queryable,
  { tenant, flow }: { tenant: string; flow: string },
): Promise<ActiveVersionRow | undefined> {
  const { rows } = await db.query({
    name: "find_active_version",
    text: `
      select f.id, f.name, f.active_version as version, f.is_active, v.plan_hash
      from flow f
      join flow_version v on v.tenant_id = f.tenant_id and v.flow_id = f.id and v.version = f.active_version
      where f.tenant_id = $1 and (f.id = $2 or f.name = $2) and f.deleted_at is null`,
    values: [tenant, flow],
  })
  return rows[0] === undefined ? undefined : Row.parse(rows[0])
}
