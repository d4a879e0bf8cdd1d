import { describe, expect, test } from "vitest"
import { isInstanceId } from "./instance-id.ts"

describe("isInstanceId()", () => {
  test.each(["order_001", "a/b", "订单 1", "😀".repeat(128), "..."])("takes %j", (id) => {
    expect(isInstanceId(id)).toBe(true)
  })

  test.each(["", ".", "..", "a\0b", "a\nb", "\ud800", "x".repeat(129)])("refuses %j", (id) => {
    expect(isInstanceId(id)).toBe(false)
  })
})
