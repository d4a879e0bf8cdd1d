import { noteEvent } from "../events/event-columns.ts"
import { INSERT_EVENTS } from "../events/insert-events.ts"
import { exceptionCommentColumns, ExceptionCommentRow } from "./exception-comment-row.ts"
import type { Queryable } from "./queryable.ts"

interface NewComment {
  tenant: string
  /** Of the exception, which may be open or not. */
  id: number
  actor: string
  text: string
}

/** `undefined` when the tenant has no such exception. */
export async function insertExceptionComment(
  db: Queryable,
  { tenant, id, actor, text }: NewComment,
): Promise<ExceptionCommentRow | undefined> {
  const { rows } = await db.query(
    `with c as (
       insert into exception_comment (tenant_id, exception_id, actor, text)
       select tenant_id, id, $3, $4 from exception where tenant_id = $1 and id = $2
       returning *
     ), noted as (
       select ${noteEvent("exception", "'commented'")} from exception
       where tenant_id = $1 and id = $2
     ), told as (select 1 as place, * from noted),
     ${INSERT_EVENTS}
     select ${exceptionCommentColumns}, (select count(*) from rung) from c`,
    [tenant, id, actor, text],
  )
  return rows[0] === undefined ? undefined : ExceptionCommentRow.parse(rows[0])
}
