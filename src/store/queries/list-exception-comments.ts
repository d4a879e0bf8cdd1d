import { z } from "zod"
import { exceptionCommentColumns, ExceptionCommentRow } from "./exception-comment-row.ts"
import type { Queryable } from "./queryable.ts"
import type { Slice } from "./slice.ts"

/** Of one exception, oldest first. */
export async function listExceptionComments(
  db: Queryable,
  { tenant, id }: { tenant: string; id: number },
  { limit, offset, after }: Slice,
): Promise<ExceptionCommentRow[]> {
  const { rows } = await db.query(
    `select ${exceptionCommentColumns}
     from exception_comment c
     where c.tenant_id = $1 and c.exception_id = $2
       and ($3::bigint is null
            or (c.at, c.id) > (timestamptz 'epoch' + $3::bigint * interval '1 microsecond', $4::bigint))
     order by c.at, c.id
     limit $5 offset $6`,
    [tenant, id, after?.at ?? null, after?.id ?? null, limit, offset],
  )
  return z.array(ExceptionCommentRow).parse(rows)
}
