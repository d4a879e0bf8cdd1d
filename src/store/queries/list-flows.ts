import { z } from "zod"
import { flowColumns, FlowRow } from "./flow-row.ts"
import type { Queryable } from "./queryable.ts"
import type { Slice } from "./slice.ts"

export interface FlowFilter {
  tenant: string
  name: string | null
  flow_type: string | null
}

/** Newest first. */
export async function listFlows(db: Queryable, filter: FlowFilter, { limit, offset, after }: Slice) {
  const { rows } = await db.query(
    `select ${flowColumns}
     from flow f
     join flow_version v on v.tenant_id = f.tenant_id and v.flow_id = f.id and v.version = f.active_version
     where f.tenant_id = $1 and f.deleted_at is null
       and ($2::text is null or f.name = $2)
       and ($3::text is null or f.flow_type = $3)
       and ($4::bigint is null
            or f.created_at < timestamptz 'epoch' + $4::bigint * interval '1 microsecond'
            or (f.created_at = timestamptz 'epoch' + $4::bigint * interval '1 microsecond' and f.id > $5))
     order by f.created_at desc, f.id
     limit $6 offset $7`,
    [filter.tenant, filter.name, filter.flow_type, after?.at ?? null, after?.id ?? null, limit, offset],
  )
  return z.array(FlowRow).parse(rows)
}
