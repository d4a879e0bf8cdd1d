import { describe, expect, test } from "vitest"
import { isOlder, toHistoryLength, toSeq } from "./order.ts"

describe("toSeq()", () => {
  test("stays exact for the longest history Temporal allows", () => {
    expect(toSeq(51_200, 3)).toBe(51_200 * 1_048_576 + 3)
    expect(toHistoryLength(toSeq(51_200, 1_048_575))).toBe(51_200)
  })

  test("never reaches the next history length, however many activations share one", () => {
    expect(toSeq(7, 5_000_000)).toBeLessThan(toSeq(8, 0))
  })
})

describe("isOlder()", () => {
  test("puts a later run of the chain above any length of an earlier one", () => {
    expect(isOlder({ chain: 0, seq: toSeq(10_000, 9) }, { chain: 1, seq: toSeq(3, 0) })).toBe(true)
    expect(isOlder({ chain: 1, seq: toSeq(3, 0) }, { chain: 0, seq: toSeq(10_000, 9) })).toBe(false)
  })

  test("does not call equals older", () => {
    expect(isOlder({ chain: 1, seq: 5 }, { chain: 1, seq: 5 })).toBe(false)
  })
})
