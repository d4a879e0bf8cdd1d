import { describe, expect, test } from "vitest"
import { createMeter } from "../expression/meter.ts"
import { render } from "../expression/render.ts"
import { BUILT_IN_DEFINITIONS } from "./built-in-definitions.ts"
import { CONNECTIONS, flow } from "./definitions.testsuite.ts"
import { readTaskDefinition, type TaskDefinition } from "./task-definition.ts"
import { validateFlow } from "./validate.ts"

const problemsOf = (raw: unknown) =>
  readTaskDefinition(raw).problems.map(({ code, pointer }) => `${code} ${pointer}`)

const charge: TaskDefinition = {
  name: "charge",
  type: "rpc",
  description: "",
  config: { service: "ledger", method: "post" },
  input_fields: [
    { name: "user", type: "string", required: true },
    { name: "currency", type: "string", default: "EUR", description: "ISO 4217" },
  ],
  retry: { strategy: "auto", max_attempts: 7, interval: "3s" },
  timeout: { attempt: "5s" },
  effect: "keyed",
}

const compile = (task: Record<string, unknown>, definitions = [charge]) => {
  const { plan, problems, warnings } = validateFlow(flow([task]), { connections: CONNECTIONS, definitions })
  return { task: plan?.tasks[0], problems, warnings }
}

describe("readTaskDefinition()", () => {
  test.each(BUILT_IN_DEFINITIONS.filter(({ name }) => name !== "db"))(
    "takes the built-in $name",
    ({ name, type, config, input_fields, description }) => {
      expect(readTaskDefinition({ name, type, config, input_fields, description })).toMatchObject({
        definition: { name, type, config, input_fields },
        problems: [],
      })
    },
  )

  test("finds everything at once", () => {
    expect(
      problemsOf({
        name: "1x",
        type: "soap",
        config: 5,
        input_fields: [
          { name: "a", type: "integer" },
          { name: "b", type: "int", default: "x" },
          { name: "b", type: "int", odd: 1 },
          { name: "constructor", type: "int" },
          { type: "int" },
        ],
        retry: { max_attempts: 0 },
        effect: "sometimes",
        more: 1,
      }),
    ).toEqual([
      "invalid_value /name",
      "invalid_value /type",
      "wrong_type /config",
      "invalid_value /input_fields/0/type",
      "wrong_type /input_fields/1/default",
      "duplicate_field /input_fields/2/name",
      "unknown_field /input_fields/2/odd",
      "invalid_value /input_fields/3/name",
      "required /input_fields/4/name",
      "out_of_range /retry/max_attempts",
      "invalid_value /effect",
      "unknown_field /more",
    ])
  })

  test("a config may leave to the task what only the task knows, but not be wrong", () => {
    expect(problemsOf({ name: "x", type: "db", config: { table: "orders" } })).toEqual([])
    expect(problemsOf({ name: "x", type: "rpc", config: { service: "a", topic: "b" } })).toEqual([
      "unknown_field /config/topic",
    ])
  })

  test.each(["http", "rpc", "mq", "db"])("%s is a kind and stays one", (name) => {
    expect(problemsOf({ name, type: "http" })).toEqual(["name_reserved /name"])
  })

  test.each([null, [], "text", 5])("%j is no definition", (raw) => {
    expect(readTaskDefinition(raw).problems).not.toEqual([])
  })
})

describe("a task of a definition", () => {
  test("is what the definition says", () => {
    const { task, warnings } = compile({ id: "pay", task_name: "charge" })
    expect(warnings).toEqual([])
    expect(task).toMatchObject({
      kind: "rpc",
      type: "rpc",
      effect: "keyed",
      config: ["'", { service: "ledger", method: "post", connection: "ledger" }],
      retry: { max_attempts: 7, interval_ms: 3_000 },
      timeout: { attempt_ms: 5_000 },
      fields: [
        { name: "user", type: "string", required: true },
        { name: "currency", type: "string", default: "EUR" },
      ],
    })
  })

  test("says otherwise member by member", () => {
    const { task } = compile({
      id: "pay",
      task_name: "charge",
      config: { method: "put" },
      retry: { max_attempts: 2 },
      timeout: { total: "1m" },
      effect: "unsafe",
    })
    expect(task).toMatchObject({
      effect: "unsafe",
      config: ["'", { service: "ledger", method: "put" }],
      retry: { max_attempts: 2, interval_ms: 3_000 },
      timeout: { attempt_ms: 5_000, total_ms: 60_000 },
    })
  })

  test("gets no params that are not for it, where the definition declares fields", () => {
    const { task } = compile({ id: "pay", task_name: "charge" })
    const input = (params: unknown) => render(task?.input ?? null, { params }, createMeter())
    expect(input({ pay: { user: "u" }, other: 1 })).toEqual({ user: "u" })
    expect(input({ charge: { user: "v" } })).toEqual({ user: "v" })
    expect(input({ user: "w" })).toEqual({})
  })

  test("what the definition leaves open is a problem of the task", () => {
    const { problems } = compile({ id: "pay", task_name: "half" }, [
      { ...charge, name: "half", config: { service: "ledger" } },
    ])
    expect(problems).toMatchObject([{ pointer: "/tasks/0/config", code: "required" }])
  })

  test("a tenant's own goes before the built-in one", () => {
    const own = { ...charge, name: "deduct", input_fields: [] }
    expect(compile({ id: "pay", task_name: "deduct" }, [own]).task?.fields).toBeUndefined()
    expect(compile({ id: "pay", task_name: "deduct" }, []).task?.fields).toHaveLength(3)
  })
})
