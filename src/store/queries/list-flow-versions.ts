import { z } from "zod"
import { flowVersionColumns, FlowVersionSummaryRow } from "./flow-version-row.ts"
import type { Queryable } from "./queryable.ts"
import type { Slice } from "./slice.ts"

/** Newest first; a place's `at` is the version. */
export async function listFlowVersions(
  db: Queryable,
  { tenant, flow_id }: { tenant: string; flow_id: string },
  { limit, offset, after }: Slice,
): Promise<FlowVersionSummaryRow[]> {
  const { rows } = await db.query(
    `select ${flowVersionColumns}
     from flow_version v
     where v.tenant_id = $1 and v.flow_id = $2 and ($3::bigint is null or v.version < $3::bigint)
     order by v.version desc
     limit $4 offset $5`,
    [tenant, flow_id, after?.at ?? null, limit, offset],
  )
  return z.array(FlowVersionSummaryRow).parse(rows)
}
