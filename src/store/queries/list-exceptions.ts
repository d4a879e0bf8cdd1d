import { z } from "zod"
import { exceptionColumns, ExceptionRow } from "./exception-row.ts"
import type { Queryable } from "./queryable.ts"
import type { Slice } from "./slice.ts"

export interface ExceptionFilter {
  tenant: string
  handled: boolean | null
  kind: string | null
  severity: string | null
  state: string | null
  /** Id or name. */
  flow: string | null
  instance_id: string | null
}

/** Newest first. */
export async function listExceptions(
  db: Queryable,
  filter: ExceptionFilter,
  { limit, offset, after }: Slice,
) {
  const { rows } = await db.query(
    `select ${exceptionColumns}
     from exception e
     join txn t on t.tenant_id = e.tenant_id and t.instance_id = e.instance_id
     where e.tenant_id = $1
       and ($2::boolean is null or e.handled = $2)
       and ($3::text is null or e.kind = $3)
       and ($4::text is null or e.severity = $4)
       and ($5::text is null or e.state = $5)
       and ($6::text is null or t.flow_id = $6 or t.flow_name = $6)
       and ($7::text is null or e.instance_id = $7)
       and ($8::bigint is null
            or e.occurred_at < timestamptz 'epoch' + $8::bigint * interval '1 microsecond'
            or (e.occurred_at = timestamptz 'epoch' + $8::bigint * interval '1 microsecond' and e.id > $9::bigint))
     order by e.occurred_at desc, e.id
     limit $10 offset $11`,
    [
      filter.tenant,
      filter.handled,
      filter.kind,
      filter.severity,
      filter.state,
      filter.flow,
      filter.instance_id,
      after?.at ?? null,
      after?.id ?? null,
      limit,
      offset,
    ],
  )
  return z.array(ExceptionRow).parse(rows)
}
