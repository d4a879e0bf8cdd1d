/** What the rows of exceptions do not hold: their flow's version, and what its `mask` hides. */
import { listParams } from "../store/queries/list-params.ts"
import type { ApiServices } from "./dependencies.ts"
import type { FlowVersion } from "./flow-versions.ts"
import { createPrivacy, type Privacy } from "../masking/private-params.ts"

interface Origin {
  instance_id: string
  flow_id: string
  flow_version: number
}

/** Each row with both. Read once per flow version, and once for the params of all that hide some. */
export async function withPrivacy<Row extends Origin>(
  services: ApiServices,
  { tenant, rows }: { tenant: string; rows: Row[] },
): Promise<{ row: Row; version: FlowVersion; hide: Privacy["hide"] }[]> {
  const found = await Promise.all(
    rows.map(async (row) => {
      const { flow_id, flow_version } = row
      return { row, version: await services.flowVersions.get({ tenant, flow_id, version: flow_version }) }
    }),
  )
  const masked = found.filter(({ version }) => version.plan.mask !== undefined)
  const params = await listParams(services.pool, {
    tenant,
    instance_ids: [...new Set(masked.map(({ row }) => row.instance_id))],
  })
  return found.map(({ row, version }) => ({
    row,
    version,
    hide: createPrivacy(version.plan, params.get(row.instance_id)).hide,
  }))
}
