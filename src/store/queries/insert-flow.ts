import { flowColumns, FlowRow } from "./flow-row.ts"
import type { Queryable } from "./queryable.ts"

/** What one publish stores of a definition. */
export interface NewFlowVersion {
  source: string
  source_kind: "object" | "string"
  plan: Uint8Array
  plan_hash: string
  params_schema: unknown
  warnings: unknown[]
}

interface NewFlow {
  tenant: string
  id: string
  name: string
  description: string
  flow_type: string
  /** Shown as the author. */
  user: string
  /** Who it was by the credential. */
  actor: string
  version: NewFlowVersion
}

/** The flow as it was stored. `undefined` when a flow of this name exists: then nothing was. */
export async function insertFlow(db: Queryable, flow: NewFlow): Promise<FlowRow | undefined> {
  const { rows } = await db.query(
    `with added as (
       insert into flow (tenant_id, id, name, description, flow_type, active_version, create_user, updated_user)
       values ($1, $2, $3, $4, $5, 1, $6, $6)
       on conflict (tenant_id, name) where deleted_at is null do nothing
       returning *
     ), first as (
       insert into flow_version
         (tenant_id, flow_id, version, source, source_kind, plan, plan_hash, params_schema, warnings, created_by)
       select tenant_id, id, 1, $7, $8, $9, $10, $11, $12, $13 from added
       returning *
     )
     select ${flowColumns} from added f, first v`,
    [
      flow.tenant,
      flow.id,
      flow.name,
      flow.description,
      flow.flow_type,
      flow.user,
      flow.version.source,
      flow.version.source_kind,
      flow.version.plan,
      flow.version.plan_hash,
      flow.version.params_schema === null ? null : JSON.stringify(flow.version.params_schema),
      JSON.stringify(flow.version.warnings),
      flow.actor,
    ],
  )
  return rows[0] === undefined ? undefined : FlowRow.parse(rows[0])
}
