import { describe, expect, test } from "vitest"
import { decimal, ExceptionId, InstanceId } from "./texts.ts"

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

describe("InstanceId", () => {
  test.each([
    ["", "must have 1 to 128 characters"],
    ["a\nb", "must not contain control characters"],
    ["..", "must not be . or ..: no URL can name it"],
  ])("says what is wrong with %j", (id, message) => {
    expect(InstanceId.safeParse(id).error?.issues).toEqual([expect.objectContaining({ message })])
  })

  test("takes what the contract takes", () => {
    expect(InstanceId.parse("order/1 订单")).toBe("order/1 订单")
  })
})
