import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { DurationError, MAX_DURATION_MS, parseDuration } from "./duration.ts"

describe("parseDuration()", () => {
  test.each([
    [0, 0],
    [5, 5_000],
    [0.2, 200],
    ["500ms", 500],
    ["10s", 10_000],
    ["5m", 300_000],
    ["2h", 7_200_000],
    ["1.5h", 5_400_000],
    ["7d", 604_800_000],
    ["PT10S", 10_000],
    ["PT0.5S", 500],
    ["PT1H30M", 5_400_000],
    ["P1DT2H", 93_600_000],
    ["P2W", 1_209_600_000],
    ["3650d", MAX_DURATION_MS],
  ])("reads %j as %i ms", (value, ms) => {
    expect(parseDuration(value)).toBe(ms)
  })

  test.each([
    "",
    "10",
    "s",
    "10 s",
    "10S",
    "1h30m",
    "1e3s",
    "P",
    "PT",
    "P1Y",
    "P1M",
    "P1DT",
    "T10S",
    "-5s",
    "PT-5S",
    NaN,
    Infinity,
    true,
    null,
    [],
    {},
  ])("rejects %j", (value) => {
    expect(() => parseDuration(value)).toThrow(/expected seconds as a number/)
  })

  test("rejects a negative duration", () => {
    expect(() => parseDuration(-1)).toThrow(/negative/)
  })

  test("rejects more than ten years and less than a millisecond", () => {
    expect(() => parseDuration("3651d")).toThrow(/ten years/)
    expect(() => parseDuration(1e300)).toThrow(/ten years/)
    expect(() => parseDuration("0.4ms")).toThrow(/shortest/)
  })

  test("gives whole milliseconds in bounds, or throws a DurationError", () => {
    const texts = fc.stringMatching(/^P?T?[0-9.]{0,6}(ms|[smhdWDHMS])?$/)
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.double(), texts), (value) => {
        try {
          const ms = parseDuration(value)
          return Number.isInteger(ms) && ms >= 0 && ms <= MAX_DURATION_MS
        } catch (error) {
          return error instanceof DurationError
        }
      }),
    )
  })
})
