import { describe, expect, test } from "vitest"
import { toBarrierKey } from "./call.ts"

const CALL = { transaction: "order-1", task: "pay", generation: 1, fingerprint: "f0" }

describe("toBarrierKey()", () => {
  test("is of the tenant default unless said", () => {
    expect(toBarrierKey(CALL, "do")).toEqual({
      txn: "default/order-1",
      task: "pay",
      generation: 1,
      fingerprint: "f0",
    })
    expect(toBarrierKey({ ...CALL, tenant: "acme" }, "undo")).toMatchObject({ txn: "acme/order-1" })
  })

  test.each([
    ["a call that undoes, for do", { operation: "undo" }, "barrier.undo"],
    ["no transaction", { transaction: "" }, "transaction"],
    ["a task that is no text", { task: 7 }, "task"],
    ["NUL", { task: "a\0b" }, "NUL"],
    ["NUL in a fingerprint", { fingerprint: "f\0" }, "NUL"],
    ["names that no index takes", { transaction: "x".repeat(2_500) }, "2500 bytes"],
    ["generation 0", { generation: 0 }, "generation"],
    ["no fingerprint", { fingerprint: undefined }, "fingerprint"],
    ["a fingerprint that no column takes", { fingerprint: "x".repeat(65) }, "fingerprint"],
  ])("refuses %s", (_name, wrong, message) => {
    // As a caller without types would.
    const call = { ...CALL, ...wrong } as typeof CALL
    expect(() => toBarrierKey(call, "do")).toThrow(message)
    expect(() => toBarrierKey(call, "do")).toThrow(expect.objectContaining({ code: "call_invalid" }))
  })
})
