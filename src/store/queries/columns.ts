/** How columns are read at the border: times leave Postgres as RFC 3339 UTC text with milliseconds. */
import { z } from "zod"

export const timestamp = z.date().transform((date) => date.toISOString())
/** `bigint` comes as text; ours are counters far below 2^53. */
export const bigint = z.coerce.number().int()
/** A place in a list: microseconds since the epoch, so that no two rows of a page share it by rounding. */
export const position = z.string().regex(/^\d+$/)
