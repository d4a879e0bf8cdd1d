import { describe, expect, test } from "vitest"
import { levelsOf } from "./flow-graph.ts"

describe("levelsOf()", () => {
  test("is the longest way from the start, whatever the order of definition", () => {
    // d -> b -> a, d -> a, c alone
    expect(levelsOf([{ deps: [1, 3] }, { deps: [3] }, { deps: [] }, { deps: [] }])).toEqual([2, 1, 0, 0])
  })

  test("goes through 2,000 tasks in a row", () => {
    const row = Array.from({ length: 2_000 }, (_, position) => ({
      deps: position === 0 ? [] : [position - 1],
    }))
    expect(levelsOf(row).at(-1)).toBe(1_999)
  })
})
