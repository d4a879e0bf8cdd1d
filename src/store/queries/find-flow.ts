import { flowColumns, FlowRow } from "./flow-row.ts"
import type { Queryable } from "./queryable.ts"

/**
 * By id or by name: an id starts with a digit, a name never does. `undefined` when the tenant has no such flow.
 */
export async function findFlow(db: Queryable, { tenant, flow }: { tenant: string; flow: string }) {
  const { rows } = await db.query(
    `select ${flowColumns}
     from flow f
     join flow_version v on v.tenant_id = f.tenant_id and v.flow_id = f.id and v.version = f.active_version
     where f.tenant_id = $1 and (f.id = $2 or f.name = $2) and f.deleted_at is null`,
    [tenant, flow],
  )
  return rows[0] === undefined ? undefined : FlowRow.parse(rows[0])
}
