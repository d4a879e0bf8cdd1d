import { describe, expect, test } from "vitest"
import { readPage } from "./paging.ts"
import type { Slice } from "../store/queries/slice.ts"

const rows = ["a", "b", "c", "d", "e"]
const slices: Slice[] = []
const source = {
  list: (slice: Slice) => {
    slices.push(slice)
    const from = slice.after === null ? slice.offset : rows.indexOf(slice.after.id) + 1
    return Promise.resolve(rows.slice(from, from + slice.limit))
  },
  count: () => Promise.resolve(rows.length),
  placeOf: (id: string) => ({ at: "1", id }),
  placeId: /^[a-e]$/,
}

describe("readPage()", () => {
  test("pages by number with a total, 20 to a page unless said", async () => {
    expect(await readPage({}, source)).toEqual({ rows, pagination: { page: 1, page_size: 20, total: 5 } })
    expect(await readPage({ page: 3, page_size: 2 }, source)).toEqual({
      rows: ["e"],
      pagination: { page: 3, page_size: 2, total: 5 },
    })
  })

  test("pages by cursor without asking for a total", async () => {
    const first = await readPage({ limit: 3 }, { ...source, count: () => Promise.reject(new Error("asked")) })
    expect(first.rows).toEqual(["a", "b", "c"])
    if (!("next_cursor" in first) || first.next_cursor === null) throw new Error("there is more")
    const rest = await readPage({ limit: 3, cursor: first.next_cursor }, source)
    expect(rest).toEqual({ rows: ["d", "e"], next_cursor: null })
  })

  test("has no next page when the last one is full", async () => {
    expect(await readPage({ limit: 5 }, source)).toEqual({ rows, next_cursor: null })
  })

  test.each([
    "",
    "!",
    Buffer.from("[]").toString("base64url"),
    Buffer.from('["1","z"]').toString("base64url"),
    Buffer.from('["1 or 1=1","a"]').toString("base64url"),
    Buffer.from('[1,"a"]').toString("base64url"),
  ])("refuses the cursor %j", async (cursor) => {
    await expect(readPage({ cursor }, source)).rejects.toMatchObject({ word: "request_invalid" })
  })

  test("refuses both ways at once", async () => {
    await expect(readPage({ page: 1, limit: 1 }, source)).rejects.toMatchObject({ word: "request_invalid" })
  })
})
