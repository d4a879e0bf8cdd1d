import { describe, expect, test } from "vitest"
import { decimal, ExceptionId } from "./texts.ts"

describe("decimal()", () => {
  test.each([
    ["1", 1],
    ["200", 200],
  ])("reads %j", (text, value) => {
    expect(decimal({ min: 1, max: 200 }).parse(text)).toBe(value)
  })

  test.each(["0", "201", "", " 1", "1 ", "+1", "-1", "01", "1.0", "1e2", "0x10", "0b1", "1_0", "١", "NaN"])(
    "refuses %j",
    (text) => {
      expect(decimal({ min: 1, max: 200 }).safeParse(text).success).toBe(false)
    },
  )

  test("never rounds", () => {
    expect(ExceptionId.parse("9007199254740991")).toBe(Number.MAX_SAFE_INTEGER)
    expect(ExceptionId.safeParse("9007199254740993").success).toBe(false)
    expect(ExceptionId.safeParse("99999999999999999999").success).toBe(false)
  })
})
