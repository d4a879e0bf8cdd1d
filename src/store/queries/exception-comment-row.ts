import { z } from "zod"
import { bigint, position, timestamp } from "./columns.ts"

export const ExceptionCommentRow = z.object({
  id: bigint,
  exception_id: bigint,
  actor: z.string(),
  text: z.string(),
  at: timestamp,
  at_us: position,
})
export type ExceptionCommentRow = z.output<typeof ExceptionCommentRow>

/** Of the row `c` of `exception_comment`. */
export const exceptionCommentColumns = `
  c.id, c.exception_id, c.actor, c.text, c.at, (extract(epoch from c.at) * 1000000)::bigint::text as at_us`
