import { z } from "zod"
import { exceptionFilter, type ExceptionFilter, filterValues } from "./exception-filter.ts"
import { exceptionColumns, ExceptionRow } from "./exception-row.ts"
import type { Queryable } from "./queryable.ts"
import type { Slice } from "./slice.ts"

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
     where ${exceptionFilter}
       and ($14::bigint is null
            or e.occurred_at < timestamptz 'epoch' + $14::bigint * interval '1 microsecond'
            or (e.occurred_at = timestamptz 'epoch' + $14::bigint * interval '1 microsecond' and e.id > $15::bigint))
     order by e.occurred_at desc, e.id
     limit $16 offset $17`,
    [...filterValues(filter), after?.at ?? null, after?.id ?? null, limit, offset],
  )
  return z.array(ExceptionRow).parse(rows)
}
