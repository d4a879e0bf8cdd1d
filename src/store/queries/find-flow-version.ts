import { z } from "zod"
import type { Queryable } from "./queryable.ts"

const Row = z.object({
  source: z.string(),
  plan: z.instanceof(Uint8Array),
  plan_hash: z.string(),
  params_schema: z.record(z.string(), z.unknown()).nullable(),
})
export type FlowVersionRow = z.output<typeof Row>

/** A version never changes once it is stored. */
export async function findFlowVersion(
  db: Queryable,
  { tenant, flow_id, version }: { tenant: string; flow_id: string; version: number },
): Promise<FlowVersionRow | undefined> {
  const { rows } = await db.query(
    `select source, plan, plan_hash, params_schema
     from flow_version
     where tenant_id = $1 and flow_id = $2 and version = $3`,
    [tenant, flow_id, version],
  )
  return rows[0] === undefined ? undefined : Row.parse(rows[0])
}
