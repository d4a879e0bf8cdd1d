import { describe, expect, test } from "vitest"
import { toMonth } from "./partitions.ts"

describe("toMonth()", () => {
  test("counts months in UTC, across the year's end", () => {
    expect(toMonth("txn_attempt", new Date("2026-11-30T23:59:59Z"), 2)).toEqual({
      table: "txn_attempt",
      name: "txn_attempt_2027_01",
      from: "2027-01-01T00:00:00.000Z",
      until: "2027-02-01T00:00:00.000Z",
    })
  })

  test("does not skip a short month", () => {
    expect(toMonth("txn_attempt", new Date("2026-01-31T00:00:00Z"), 1).name).toBe("txn_attempt_2026_02")
  })
})
