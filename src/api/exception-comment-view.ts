/** What somebody wrote about an exception, as it is answered. */
import { z } from "@hono/zod-openapi"
import type { ExceptionCommentRow } from "../store/queries/exception-comment-row.ts"

export const ExceptionComment = z
  .object({
    id: z.int(),
    exception_id: z.int(),
    actor: z.string(),
    text: z.string(),
    at: z.iso.datetime(),
  })
  .openapi("ExceptionComment")
export type ExceptionComment = z.output<typeof ExceptionComment>

export function toExceptionComment({ at_us: _place, ...row }: ExceptionCommentRow): ExceptionComment {
  return row
}
