import { describe, expect, test } from "vitest"
import { refuseFlowName, refuseTaskId } from "./flow-name.ts"

describe("refuseFlowName()", () => {
  test.each(["order", "_x", "订单流程", "a.b-c_d", "Über1", "x".repeat(128), "default"])(
    "takes %s",
    (name) => {
      expect(refuseFlowName(name)).toBeUndefined()
    },
  )

  test.each(["", "1x", "-x", ".x", "a b", "a/b", "x".repeat(129), "a\n", "💥"])("refuses %j", (name) => {
    expect(refuseFlowName(name)).toMatch(/starts with a letter/)
  })

  test.each(["constructor", "toString", "hasOwnProperty", "__proto__", "valueOf"])(
    "refuses %s, which the module object of the bundle has",
    (name) => {
      expect(refuseFlowName(name)).toMatch(/every JavaScript object has/)
    },
  )

  test("refuses Temporal's own prefix", () => {
    expect(refuseFlowName("__temporal_x")).toMatch(/belong to Temporal/)
  })
})

describe("refuseTaskId()", () => {
  test.each(["pay", "_a", "a-b", "A_1", "x".repeat(64)])("takes %s", (id) => {
    expect(refuseTaskId(id)).toBeUndefined()
  })

  test.each(["", "1a", "-a", "a.b", "扣款", "x".repeat(65), "a b", "pay\n"])("refuses %j", (id) => {
    expect(refuseTaskId(id)).toMatch(/starts with a letter/)
  })

  test("refuses keys of every object", () => {
    expect(refuseTaskId("__proto__")).toMatch(/every JavaScript object/)
    expect(refuseTaskId("constructor")).toMatch(/every JavaScript object/)
  })
})
