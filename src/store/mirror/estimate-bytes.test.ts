import { describe, expect, test } from "vitest"
import { taskRow } from "../../../test/helpers/mirror-rows.ts"
import { estimateBytes } from "./estimate-bytes.ts"

const toJsonBytes = (value: object) => JSON.stringify(value).length

describe("estimateBytes()", () => {
  test.each([
    ["an ordinary row", taskRow({ input: { amount: 5, to: "acme" }, output: [{ id: "p-1" }] })],
    ["a long text", taskRow({ input: "x".repeat(200_000) })],
    ["many short values", taskRow({ output: Array.from({ length: 5_000 }, (_, at) => ({ at, ok: true })) })],
    ["deep nesting", taskRow({ input: JSON.parse(`${"[".repeat(500)}1${"]".repeat(500)}`) as unknown })],
  ])("is near the JSON of %s", (_, row) => {
    expect(estimateBytes(row)).toBeGreaterThan(toJsonBytes(row) * 0.8)
    expect(estimateBytes(row)).toBeLessThan(Math.max(1_000, toJsonBytes(row) * 9))
  })

  test("ends with a value that contains itself", () => {
    const cycle: unknown[] = []
    cycle.push(cycle)
    expect(estimateBytes(cycle)).toBeGreaterThan(1_000_000)
  })
})
