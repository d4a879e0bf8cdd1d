import type { Pool } from "pg"

/** A published plan as it is stored: deflated JSON. */
export async function findPlan(
  pool: Pool,
  { tenant, flow_id, version }: { tenant: string; flow_id: string; version: number },
): Promise<Buffer | undefined> {
  const { rows } = await pool.query<{ plan: Buffer }>({
    name: "find_plan",
    text: "select plan from flow_version where tenant_id = $1 and flow_id = $2 and version = $3",
    values: [tenant, flow_id, version],
  })
  return rows[0]?.plan
}
