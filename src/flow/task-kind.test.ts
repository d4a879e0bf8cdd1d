import { describe, expect, test } from "vitest"
import { compileOne, flow, problemsOf, validate, warningsOf } from "./definitions.testsuite.ts"

describe("resolveKind()", () => {
  test.each([
    [{ service: "ledger", method: "post" }, "rpc"],
    [{ topic: "a" }, "mq"],
    [{ url: "http://a.example" }, "http"],
    [{ operation: "insert", table: "a", data: { a: 1 }, connection: "inventory" }, "db"],
    [{ sql: "select 1", connection: "inventory" }, "db"],
  ])("tells by the config %j that it is %s, with a warning", (config, kind) => {
    const definition = { id: "a", task_name: "扣款", config }
    expect(compileOne(definition)).toMatchObject({ kind, type: kind })
    expect(warningsOf(flow([definition]))).toEqual(["task_name_inferred /tasks/0/task_name"])
  })

  test("a kind's own name goes before the shape", () => {
    expect(problemsOf(flow([{ id: "a", task_name: "http", config: { topic: "a" } }]))).toEqual([
      "unknown_field /tasks/0/config/topic",
      "required /tasks/0/config/url",
    ])
  })

  test("refuses a name that nothing resolves, and suggests a kind", () => {
    const { problems } = validate(
      flow([
        { id: "a", task_name: "htp", config: { service: "x" } },
        { id: "b", task_name: "charge" },
      ]),
    )
    expect(problems).toMatchObject([
      { pointer: "/tasks/0/task_name", code: "unknown_task_name", fix: "did you mean http?" },
      {
        pointer: "/tasks/1/task_name",
        code: "unknown_task_name",
        fix: expect.stringContaining("service and method") as string,
      },
    ])
  })

  test("names a kind that this version does not have", () => {
    expect(problemsOf(flow([{ id: "a", task_name: "human", config: {} }]))).toEqual([
      "unsupported /tasks/0/task_name",
    ])
  })
})
