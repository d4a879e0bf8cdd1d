import { z } from "zod"
import { flowVersionColumns, FlowVersionSummaryRow } from "./flow-version-row.ts"
import type { Queryable } from "./queryable.ts"

const Row = FlowVersionSummaryRow.extend({
  source: z.string(),
  source_kind: z.enum(["object", "string"]),
  warnings: z.array(z.unknown()),
})
export type WholeFlowVersionRow = z.output<typeof Row>

/** `undefined` when the flow has no such version. */
export async function findWholeFlowVersion(
  db: Queryable,
  { tenant, flow_id, version }: { tenant: string; flow_id: string; version: number },
): Promise<WholeFlowVersionRow | undefined> {
  const { rows } = await db.query(
    `select ${flowVersionColumns}, v.source, v.source_kind, v.warnings
     from flow_version v
     where v.tenant_id = $1 and v.flow_id = $2 and v.version = $3`,
    [tenant, flow_id, version],
  )
  return rows[0] === undefined ? undefined : Row.parse(rows[0])
}
