import { describe, expect, test } from "vitest"
import { quantile, toSpread } from "./statistics.ts"

describe("toSpread()", () => {
  test("does not depend on the order of the values", () => {
    expect(toSpread([3, 1, 10])).toEqual({ median: 3, min: 1, max: 10 })
    expect(toSpread([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 })
  })

  test("refuses no values", () => {
    expect(() => toSpread([])).toThrow(RangeError)
  })
})

describe("quantile()", () => {
  test("lies between its neighbours", () => {
    const hundred = Array.from({ length: 101 }, (_, at) => at)
    expect(quantile(hundred, 0.99)).toBe(99)
    expect(quantile([10, 20], 0.75)).toBe(17.5)
  })
})
