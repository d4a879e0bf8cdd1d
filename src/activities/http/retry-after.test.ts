import { describe, expect, test } from "vitest"
import { parseRetryAfter } from "./retry-after.ts"

const now = Date.UTC(2026, 10, 21, 8, 0, 0)

describe("parseRetryAfter()", () => {
  test.each([
    ["7", 7_000],
    ["0", 0],
    [" 120 ", 120_000],
    ["Sat, 21 Nov 2026 08:00:07 GMT", 7_000],
    ["Saturday, 21-Nov-26 08:00:07 GMT", 7_000],
    ["Sat Nov 21 08:00:07 2026 GMT", 7_000],
    ["Sat, 21 Nov 2026 07:00:00 GMT", 0],
  ])("reads %s", (value, ms) => {
    expect(parseRetryAfter(value, now)).toBe(ms)
  })

  test.each(["", "soon", "-5", "1.5", "2026-11-21", "Sat, never", "99999999999"])(
    "does not read %s",
    (value) => {
      expect(parseRetryAfter(value, now)).toBeUndefined()
    },
  )
})
