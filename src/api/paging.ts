/**
 * Two ways through a list. `page` and `page_size` as S1 has them, with a total; or `cursor` and `limit`, which
 * stays quick however deep one goes and skips nothing when rows are added meanwhile.
 */
import { z } from "@hono/zod-openapi"
import type { Place, Slice } from "../store/queries/slice.ts"
import { ApiProblem } from "./problem.ts"
import { decimal } from "./texts.ts"

const DEFAULT_SIZE = 20
const MAX_SIZE = 200

/** Query parameters of every list. */
export const pagingQuery = {
  page: decimal({ min: 1, max: 1_000_000 }).optional(),
  page_size: decimal({ min: 1, max: MAX_SIZE }).optional(),
  cursor: z.string().max(800).optional().openapi({ description: "next_cursor of the answer before." }),
  limit: decimal({ min: 1, max: MAX_SIZE }).optional(),
}

/** Answers of a list: `pagination` with pages, `next_cursor` with a cursor. */
export function listOf<T extends z.ZodType>(item: T) {
  return z.object({
    list: z.array(item),
    pagination: z.object({ page: z.int(), page_size: z.int(), total: z.int() }).optional(),
    next_cursor: z.string().nullable().optional(),
  })
}

interface PagingInput {
  page?: number | undefined
  page_size?: number | undefined
  cursor?: string | undefined
  limit?: number | undefined
}

interface ListSource<Row> {
  list: (slice: Slice) => Promise<Row[]>
  count: () => Promise<number>
  placeOf: (row: Row) => Place
  /** What the id in a cursor must look like: a made-up one must not reach the database. */
  placeId: RegExp
}

/** Reads one page, the way the caller asked for it. */
export async function readPage<Row>(query: PagingInput, source: ListSource<Row>) {
  if (query.cursor === undefined && query.limit === undefined) return readNumbered(query, source)
  if (query.page !== undefined || query.page_size !== undefined) {
    throw new ApiProblem("request_invalid", { detail: "Use either page and page_size, or cursor and limit." })
  }
  const limit = query.limit ?? DEFAULT_SIZE
  const after = query.cursor === undefined ? null : parseCursor(query.cursor, source.placeId)
  // One row more than asked for tells whether there is a next page.
  const rows = await source.list({ limit: limit + 1, offset: 0, after })
  const last = rows.length > limit ? rows[limit - 1] : undefined
  return {
    rows: rows.slice(0, limit),
    next_cursor: last === undefined ? null : toCursor(source.placeOf(last)),
  }
}

async function readNumbered<Row>(query: PagingInput, source: ListSource<Row>) {
  const page = query.page ?? 1
  const pageSize = query.page_size ?? DEFAULT_SIZE
  const rows = await source.list({ limit: pageSize, offset: (page - 1) * pageSize, after: null })
  return { rows, pagination: { page, page_size: pageSize, total: await source.count() } }
}

const Cursor = z.tuple([z.string().regex(/^\d{1,16}$/), z.string().max(256)])

function toCursor({ at, id }: Place): string {
  return Buffer.from(JSON.stringify([at, id])).toString("base64url")
}

function parseCursor(cursor: string, placeId: RegExp): Place {
  const place = Cursor.safeParse(readJson(Buffer.from(cursor, "base64url").toString()))
  if (place.success && placeId.test(place.data[1])) return { at: place.data[0], id: place.data[1] }
  const detail = "This is no cursor: take next_cursor of the answer before as it is."
  throw new ApiProblem("request_invalid", {
    detail,
    errors: [{ pointer: "/query/cursor", code: "invalid_cursor", detail }],
  })
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
