import { describe, expect, test } from "vitest"
import { findIdentity, findResetRun } from "./read-start.ts"

const run = (original_run_id: string, input: unknown) => ({
  workflow_type: "order",
  original_run_id,
  args: [input],
})

describe("findResetRun()", () => {
  test("is the run itself after a reset", () => {
    expect(findResetRun(run("r1", { reset_run: "r0" }), "r2")).toBe("r2")
  })

  test("is what a continued run was told", () => {
    expect(findResetRun(run("r3", { reset_run: "r2" }), "r3")).toBe("r2")
  })

  test.each([[{}], [null], ["text"], [{ reset_run: 5 }]])(
    "is nothing for a first run started with %j",
    (input) => {
      expect(findResetRun(run("r1", input), "r1")).toBeUndefined()
    },
  )
})

describe("findIdentity()", () => {
  test("reads whose transaction it is", () => {
    const input = { tenant: "default", transaction: "order_1", plan_hash: "abc", params: { a: 1 }, flags: [] }
    expect(findIdentity(run("r1", input))).toEqual({
      tenant: "default",
      transaction: "order_1",
      plan_hash: "abc",
      params: { a: 1 },
    })
  })

  test.each([[null], ["order"], [{ tenant: "default" }], [{ tenant: 1, transaction: "x", plan_hash: "y" }]])(
    "knows that %j is none of ours",
    (input) => {
      expect(findIdentity(run("r1", input))).toBeUndefined()
    },
  )
})
