import { describe, expect, test } from "vitest"
import { checkInputs } from "./check-inputs.ts"
import { compile, flow, task } from "./definitions.testsuite.ts"

const deduct = (more: Record<string, unknown> = {}) =>
  task("pay", { task_name: "deduct", retry: { strategy: "no_retry" }, ...more })
const found = (tasks: unknown[], params: unknown) =>
  checkInputs(compile(flow(tasks)), params).map(({ code, pointer }) => `${code} ${pointer}`)

describe("checkInputs()", () => {
  test("asks nothing for a task that may be skipped", () => {
    const optional = { ...deduct(), when: "${ params.wanted }" }
    expect(checkInputs(compile(flow([optional])), { wanted: false })).toEqual([])
    expect(checkInputs(compile(flow([deduct()])), { wanted: false })).not.toEqual([])
  })

  test("names every missing field where it should be", () => {
    expect(found([deduct()], {})).toEqual([
      "required /pay/user_id",
      "required /pay/amount",
      "required /pay/order_id",
    ])
    expect(found([deduct()], { deduct: { user_id: "u", order_id: "o" } })).toEqual([
      "required /deduct/amount",
    ])
    expect(found([deduct()], { pay: { user_id: "u", amount: 9.5, order_id: "o" } })).toEqual([
      "wrong_type /pay/amount",
    ])
    expect(found([deduct()], { pay: 5 })).toEqual(["wrong_type /pay"])
    expect(found([deduct()], { pay: { user_id: "u", amount: "9", order_id: "o" } })).toEqual([])
  })

  test("follows a mapping to the params that it reads", () => {
    const input = { user_id: "${ params.user.id }", amount: "${ params.amount }", order_id: "o" }
    expect(found([deduct({ input })], { amount: "x" })).toEqual(["required /user/id", "wrong_type /amount"])
    expect(found([deduct({ input })], { user: { id: "u" }, amount: "7" })).toEqual([])
  })

  test("leaves what reads other tasks to its time, and checks its neighbours", () => {
    const input = { user_id: "${ tasks.first.output.user }", amount: "${ params.amount }" }
    const tasks = [task("first"), deduct({ depends_on: ["first"], input })]
    expect(found(tasks, { amount: 1.5 })).toEqual(["wrong_type /amount", "required "])
    const whole = [task("first"), deduct({ depends_on: ["first"], input: "${ tasks.first.output }" })]
    expect(found(whole, {})).toEqual([])
  })

  test("names the task", () => {
    expect(checkInputs(compile(flow([deduct()])), { pay: { user_id: "u", amount: 1 } })).toMatchObject([
      { message: "task pay: order_id is missing" },
    ])
  })

  test("asks nothing of tasks that declare nothing", () => {
    expect(found([task("pay")], {})).toEqual([])
  })
})
