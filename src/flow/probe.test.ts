import { describe, expect, test } from "vitest"
import { compile, compileOne, flow, problemsOf, task } from "./definitions.testsuite.ts"

const find = {
  task_name: "http",
  config: { url: "https://pay.example/find", body: { key: "${ task.key }", of: "${ input.amount }" } },
  executed_when: "${ output.found }",
}

describe("probe", () => {
  test("is compiled as a reading call that answers whether the effect is there, and with what", () => {
    const plan = compileOne(task("pay", { probe: { ...find, output: { id: "${ output.payment.id }" } } }))
    expect(plan.probe).toMatchObject({
      kind: "http",
      effect: "read",
      reads_own: ["input"],
      executed_when: ["$", ["f", ["v", "output"], "found"]],
      output: { id: ["$", ["f", ["f", ["v", "output"], "payment"], "id"]] },
    })
    expect(plan.probe?.fences).toBeUndefined()
  })

  test("hands on its reply as it is where it does not say otherwise", () => {
    const plan = compileOne(task("pay", { probe: { ...find, fences: true } }))
    expect(plan.probe?.output).toBeUndefined()
    expect(plan.probe?.fences).toBe(true)
  })

  test("keeps for itself what it reads of ancestors", () => {
    const probe = { ...find, input: { order: "${ tasks.order.output.id }" } }
    const plan = compile(flow([task("order"), task("pay", { depends_on: ["order"], probe })]))
    expect(plan.tasks[1]).toMatchObject({ reads: [0], requires: [0], probe: { reads: [0] } })
  })

  test.each([
    [
      "no word on when it is there",
      { task_name: find.task_name, config: find.config },
      "/tasks/0/probe/executed_when",
      "required",
    ],
    [
      "a message",
      { ...find, task_name: "mq", config: { connection: "events", destination: "x" } },
      "/tasks/0/probe/task_name",
      "probe_kind",
    ],
    [
      "an output of the task",
      { ...find, config: { url: "https://x.example/${ output.id }" } },
      "/tasks/0/probe/config/url",
      "not_available_here",
    ],
    [
      "a task behind it",
      { ...find, input: { x: "${ tasks.pay.output.id }" } },
      "/tasks/0/probe/input/x",
      "not_an_ancestor",
    ],
    ["an unknown field", { ...find, executed_if: true }, "/tasks/0/probe/executed_if", "unknown_field"],
    ["no object", "find", "/tasks/0/probe", "wrong_type"],
  ])("%s is refused at its place", (_, probe, pointer, code) => {
    expect(problemsOf(flow([task("pay", { probe })]))).toContain(`${code} ${pointer}`)
  })

  test("a database probe only reads", () => {
    const probe = {
      ...find,
      task_name: "db",
      config: { connection: "inventory", operation: "update", table: "t", data: { a: 1 }, where: { b: 2 } },
    }
    expect(problemsOf(flow([task("pay", { probe })]))).toContain("probe_writes /tasks/0/probe/config")
  })

  test.each(["delete from x", "update x set a = 1 where b = 2", "call x()"])(
    "nor writes in its own SQL: %s",
    (sql) => {
      const probe = { ...find, task_name: "db", config: { connection: "inventory", sql } }
      expect(problemsOf(flow([task("pay", { probe })]))).toContain("probe_writes /tasks/0/probe/config")
      const reads = { ...probe, config: { connection: "inventory", sql: "select 1 as found" } }
      expect(problemsOf(flow([task("pay", { probe: reads })]))).toEqual([])
    },
  )
})
