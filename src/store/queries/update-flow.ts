import { flowColumns, FlowRow } from "./flow-row.ts"
import type { NewFlowVersion } from "./insert-flow.ts"
import type { Queryable } from "./queryable.ts"

interface FlowUpdate {
  tenant: string
  id: string
  /** The flow is changed only if nobody changed it since this moment. */
  updated_us: string
  description: string
  flow_type: string
  /** Shown as the author. */
  user: string
  /** Who it was by the credential. */
  actor: string
  /** Absent when the plan stays as it is: then no version is added. */
  version: NewFlowVersion | null
}

/**
 * The flow as this change left it, whatever others make of it since. `undefined` when it was changed by another
 * meanwhile, or is gone: then nothing was stored.
 */
export async function updateFlow(db: Queryable, update: FlowUpdate): Promise<FlowRow | undefined> {
  const { rows } = await db.query(
    `with next as (
       select coalesce(max(version), 0) + 1 as version from flow_version where tenant_id = $1 and flow_id = $2
     ), moved as (
       update flow f
       set active_version = case when $7::text is null then f.active_version else next.version end,
           description = $4, flow_type = $5, updated_user = $6, updated_at = clock_timestamp()
       from next
       where f.tenant_id = $1 and f.id = $2 and f.deleted_at is null
         and f.updated_at = timestamptz 'epoch' + $3::bigint * interval '1 microsecond'
       returning f.*
     ), added as (
       insert into flow_version
         (tenant_id, flow_id, version, source, source_kind, plan, plan_hash, params_schema, warnings, created_by)
       select tenant_id, id, active_version, $7, $8, $9, $10, $11, $12, $13
       from moved where $7::text is not null
       returning *
     ), active as (
       -- What \`added\` inserts is not in the table yet for the rest of its own statement.
       select * from added
       union all
       select v.* from moved join flow_version v
         on v.tenant_id = moved.tenant_id and v.flow_id = moved.id and v.version = moved.active_version
     )
     select ${flowColumns} from moved f, active v`,
    [
      update.tenant,
      update.id,
      update.updated_us,
      update.description,
      update.flow_type,
      update.user,
      update.version?.source ?? null,
      update.version?.source_kind ?? null,
      update.version?.plan ?? null,
      update.version?.plan_hash ?? null,
      update.version === null || update.version.params_schema === null
        ? null
        : JSON.stringify(update.version.params_schema),
      update.version === null ? null : JSON.stringify(update.version.warnings),
      update.actor,
    ],
  )
  return rows[0] === undefined ? undefined : FlowRow.parse(rows[0])
}
