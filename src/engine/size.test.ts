import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { jsonSize } from "./size.ts"

describe("jsonSize()", () => {
  test("is never smaller than the JSON in bytes", () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: "binary" }), (value) => {
        const bytes = Buffer.byteLength(JSON.stringify(value))
        expect(jsonSize(value, Number.MAX_SAFE_INTEGER)).toBeGreaterThanOrEqual(bytes)
      }),
      { numRuns: 2_000, seed: 7 },
    )
  })

  test.each([['"'.repeat(1_000)], ["\u0001".repeat(1_000)], ["\ud800".repeat(1_000)], ["错".repeat(1_000)]])(
    "is near the JSON of %j",
    (text) => {
      const bytes = Buffer.byteLength(JSON.stringify(text))
      expect(jsonSize(text, Number.MAX_SAFE_INTEGER)).toBeLessThan(bytes * 1.1)
    },
  )

  test("stops at its limit", () => {
    expect(
      jsonSize(
        Array.from({ length: 1_000 }, () => "x".repeat(1_000)),
        5_000,
      ),
    ).toBeLessThan(10_000)
  })
})
