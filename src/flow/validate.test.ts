import { readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import type { ConnectionInfo } from "./connection.ts"
import {
  compile,
  compileOne,
  db,
  flow,
  http,
  problemsOf,
  task,
  validate,
  warningsOf,
} from "./definitions.testsuite.ts"
import { literalHostsOf } from "./literal-hosts.ts"
import { unpackPlan } from "./plan-bytes.ts"

describe("validateFlow()", () => {
  test("compiles the smallest flow", () => {
    const plan = {
      format: 1,
      flow: "nothing",
      tasks: [],
      max_parallel: 50,
      output: null,
      output_reads: [],
    }
    const { packed, ...rest } = validate({ name: "nothing", tasks: [] })
    expect(rest).toEqual({ problems: [], warnings: [], plan })
    expect(unpackPlan(packed ?? new Uint8Array())).toEqual(plan)
  })

  test("reads an object and its text alike", () => {
    const definition = flow([task("a", { input: { x: "${ params.y }" } })], { output: "${ tasks.a.output }" })
    expect(validate(JSON.stringify(definition))).toEqual(validate(definition))
  })

  test("finds all problems at once, in the order of the document", () => {
    const definition = {
      dsl: "2",
      tasks: [
        { id: "a", task_name: "rpc", config: { service: "ledger" }, depends_on: ["b"], dependson: [] },
        { id: "a", task_name: "nope", on_error: "route" },
        {
          id: "b",
          task_name: "http",
          config: { url: "http://a.example" },
          depends_on: ["a"],
          input: { x: "${ 1 + }" },
        },
        {
          id: "c",
          task_name: "db",
          config: { operation: "delete", table: "t", connection: "nope" },
          compensate: { task_name: "db" },
        },
        "d",
      ],
      output: "${ tasks.z.output }",
      params_schema: { type: "strng" },
      policy: { failure: "undo", max_parallel: 501, retries: 1 },
      outptu: 1,
    }
    expect(problemsOf(definition)).toEqual([
      "invalid_value /dsl",
      "required /tasks/0/config/method",
      "unknown_field /tasks/0/dependson",
      "duplicate_id /tasks/1/id",
      "unknown_task_name /tasks/1/task_name",
      "unsupported /tasks/1/on_error",
      "cycle /tasks/2/depends_on/0",
      "expression_syntax /tasks/2/input/x",
      "unknown_connection /tasks/3/config/connection",
      "where_required /tasks/3/config/where",
      "required /tasks/3/compensate/config",
      "wrong_type /tasks/4",
      "unknown_task /output",
      "schema_invalid /params_schema/type",
      "invalid_value /policy/failure",
      "out_of_range /policy/max_parallel",
      "unknown_field /policy/retries",
      "unknown_field /outptu",
      "required /name",
    ])
  })

  test("says what was expected, what came and what to do", () => {
    const { problems } = validate({ name: "1x", task: [], tasks: {}, policy: { failure: "stop" } })
    expect(problems).toEqual([
      {
        pointer: "/name",
        code: "invalid_name",
        message: "a flow's name starts with a letter or _, then letters, digits, _ . - up to 128 characters",
      },
      {
        pointer: "/task",
        code: "unknown_field",
        message: 'there is no field "task" here',
        fix: "did you mean tasks?",
      },
      { pointer: "/tasks", code: "wrong_type", message: "expected a list, got an object" },
      {
        pointer: "/policy/failure",
        code: "invalid_value",
        message: 'expected "park" or "finish_independent" or "fail_fast" or "compensate", got "stop"',
      },
    ])
  })

  test.each([
    [null, "wrong_type "],
    [[], "wrong_type "],
    ["5", "wrong_type "],
    ["{", "malformed_json "],
    [undefined, "not_json "],
  ])("refuses %j", (definition, problem) => {
    expect(problemsOf(definition)).toEqual([problem])
  })

  test("refuses names that the workflow type cannot have", () => {
    expect(problemsOf({ name: "constructor", tasks: [] })).toEqual(["invalid_name /name"])
    expect(problemsOf({ name: "__temporal_x", tasks: [] })).toEqual(["invalid_name /name"])
    expect(problemsOf(flow([task("toString")]))).toEqual(["invalid_id /tasks/0/id"])
  })

  test("refuses more than 2,000 tasks without looking at them", () => {
    const tasks = Array.from({ length: 2_001 }, () => 1)
    expect(problemsOf(flow(tasks))).toEqual(["too_many_tasks /tasks"])
    expect(problemsOf(flow(tasks.slice(1)))).toHaveLength(2_000)
  })

  test("refuses a plan that is too large to start a transaction with", () => {
    // Text that does not compress.
    let state = 1
    const noise = Array.from({ length: 700_000 }, () => {
      state = (state * 48_271) % 2_147_483_647
      return String.fromCharCode(33 + (state % 90))
    }).join("")
    expect(problemsOf(flow([task("a", { input: { noise: noise.replaceAll("$", "_") } })]))).toEqual([
      "plan_too_large ",
    ])
  })

  test("gives warnings beside problems", () => {
    const { problems, warnings, plan } = validate(flow([task("a", { task_name: "charge", input: 5 })]))
    expect(plan).toBeUndefined()
    expect(problems.map(({ code }) => code)).toEqual(["invalid_value"])
    expect(warnings.map(({ code }) => code)).toEqual(["task_name_inferred"])
  })
})

describe("fields of a task", () => {
  test("depends_on takes ids and success edges, on tasks before and after", () => {
    const plan = compile(
      flow([
        task("a", { depends_on: ["c", { task: "b", on: "success" }, "c", { task: "b" }] }),
        task("b"),
        task("c"),
      ]),
    )
    expect(plan.tasks[0]?.deps).toEqual([1, 2])
  })

  test.each([
    [{ depends_on: [{ task: "a", on: "failure" }] }, "unsupported /depends_on/0/on"],
    [{ depends_on: [{ task: "a", on: "sucess" }] }, "invalid_value /depends_on/0/on"],
    [{ depends_on: [{ task: "a", branch: "x" }] }, "unsupported /depends_on/0/branch"],
    [{ depends_on: [{ task: "a", required: true }] }, "unsupported /depends_on/0/required"],
    [{ depends_on: [{ tsk: "a" }] }, "unknown_field /depends_on/0/tsk"],
    [{ depends_on: [5] }, "wrong_type /depends_on/0"],
    [{ depends_on: "a" }, "wrong_type /depends_on"],
    [{ description: 5 }, "wrong_type /description"],
    [{ effect: "safe" }, "invalid_value /effect"],
    [{ on_error: "route" }, "unsupported /on_error"],
    [{ join: "any" }, "unsupported /join"],
    [{ when: "yes" }, "expression_required /when"],
    [{ when: "${ input.x }" }, "not_available_here /when"],
    [{ when: "${ tasks.a.output }" }, "not_an_ancestor /when"],
    [{ when: "${ true }", on_skip: "keep" }, "invalid_value /on_skip"],
    [{ pivot: "yes" }, "wrong_type /pivot"],
    [{ compensate: "nothing" }, "wrong_type /compensate"],
    [
      { compensate: { task_name: "rpc", config: { service: "ledger" } } },
      "required /compensate/config/method",
    ],
    [{ compensate: { task_name: "nope" } }, "unknown_task_name /compensate/task_name"],
    [{ compensate: { task_name: "rpc", effect: "read" } }, "unknown_field /compensate/effect"],
    [{ priority: 6 }, "out_of_range /priority"],
    [{ output: { select: ["/id"] } }, "unsupported /output/select"],
    [{ id: 5 }, "wrong_type /id"],
    [{ id: "a b" }, "invalid_id /id"],
    [{ task_name: undefined }, "not_json /task_name"],
    [{ config: [] }, "wrong_type /config"],
    [{ task_name: "http", config: null }, "wrong_type /config"],
  ])("%j: %s", (more, problem) => {
    const problems = problemsOf(flow([task("x", more), task("a")])).map((found) =>
      found.replace("/tasks/0", ""),
    )
    expect(problems).toContain(problem)
  })

  test("policies, labels and masks are written into the plan", () => {
    const plan = compile({
      ...flow([task("a", { when: "${ params.gift }", on_skip: "prune", priority: 2, on_error: "continue" })]),
      policy: { failure: "fail_fast", timeout: "7d", max_parallel: 3 },
      labels: { region: "${ coalesce(params.region, 'eu') }", kind: "order" },
      mask: ["/params/card"],
    })
    expect(plan).toMatchObject({
      fail_fast: true,
      timeout_ms: 7 * 86_400_000,
      max_parallel: 3,
      labels: { kind: "order" },
      mask: ["/params/card"],
      tasks: [{ on_skip: "prune", priority: 2, on_error: "continue" }],
    })
    expect(plan.tasks[0]?.when).toBeDefined()
  })

  test.each([
    [{ labels: { "a b": "x" } }, "/labels/a b"],
    [{ labels: { a: "${ tasks.x.output }" } }, "not_available_here /labels/a"],
    [{ mask: ["/tasks/x"] }, "/mask/0"],
    [{ policy: { timeout: 0 } }, "invalid_duration /policy/timeout"],
  ])("%j is refused", (more, problem) => {
    expect(problemsOf({ ...flow([task("x")]), ...more }).join()).toContain(problem)
  })

  describe("what may be skipped has an output only with a default", () => {
    const when = "${ params.gift }"
    const reader = (depends_on: string[], input: string) => task("r", { depends_on, input: { x: input } })

    test.each([
      ["the skipped task itself", [task("a", { when }), reader(["a"], "${ tasks.a.output.id }")]],
      [
        "one that is pruned with it",
        [
          task("a", { when, on_skip: "prune" }),
          task("b", { depends_on: ["a"] }),
          reader(["b"], "${ tasks.b.output }"),
        ],
      ],
    ])("%s", (_, tasks) => {
      expect(problemsOf(flow(tasks))).toEqual([
        expect.stringMatching(/^maybe_missing \/tasks\/\d\/input\/x$/),
      ])
    })

    test.each([
      ["a default", [task("a", { when }), reader(["a"], "${ coalesce(tasks.a.output.id, 0) }")]],
      ["its status", [task("a", { when }), reader(["a"], "${ tasks.a.status }")]],
      [
        "one that has another way to run",
        [
          task("a", { when, on_skip: "prune" }),
          task("c"),
          task("b", { depends_on: ["a", "c"] }),
          reader(["b"], "${ tasks.b.output }"),
        ],
      ],
    ])("is no problem for %s", (_, tasks) => {
      expect(problemsOf(flow(tasks))).toEqual([])
    })
  })

  test("so is one of a dependency", () => {
    expect(validate(flow([task("a", { depends_on: [{ tsk: "b" }] }), task("b")])).problems).toMatchObject([
      { pointer: "/tasks/0/depends_on/0/tsk", fix: "did you mean task?" },
      { pointer: "/tasks/0/depends_on/0/task", code: "required" },
    ])
  })

  test("config may not be missing", () => {
    expect(problemsOf(flow([{ id: "a", task_name: "db" }]))).toEqual(["required /tasks/0/config"])
  })

  test("an unknown field is told with the nearest known one", () => {
    expect(validate(flow([task("a", { dependsOn: [] })])).problems).toMatchObject([
      { pointer: "/tasks/0/dependsOn", code: "unknown_field", fix: "did you mean depends_on?" },
    ])
  })

  test("summary is shown, else the description", () => {
    expect(compileOne(task("a", { description: "Charge", summary: "Charge the card" })).summary).toBe(
      "Charge the card",
    )
    expect(compileOne(task("a", { description: "扣".repeat(100) })).summary).toBe("扣".repeat(66))
    expect(compileOne(task("a"))).not.toHaveProperty("summary")
  })

  test("output is an expression or a mapping; a plain name is a label", () => {
    expect(compileOne(task("a", { output: "${ output.id }" })).output).toEqual([
      "$",
      ["f", ["v", "output"], "id"],
    ])
    expect(compileOne(task("a", { output: { id: "${ output.id }" } })).output).toEqual({
      id: ["$", ["f", ["v", "output"], "id"]],
    })
    expect(compileOne(task("a", { output: "payment_result" }))).not.toHaveProperty("output")
  })

  test("a task whose output reads its input sends it", () => {
    const config = { url: "http://a.example", body: 1 }
    expect(compileOne(http("a", config, { output: "${ output.id }" })).sends_input).toBe(false)
    expect(compileOne(http("a", config, { output: "${ input.id }" })).sends_input).toBe(true)
    expect(
      compileOne(db("a", { sql: "select 1" }, { output: { x: "${ coalesce(input.id, 1) }" } })).sends_input,
    ).toBe(true)
  })
})

describe("real flows", () => {
  const connections: ConnectionInfo[] = [
    { name: "payment", kind: "grpc" },
    { name: "inventory", kind: "postgres" },
    { name: "events", kind: "mqtt", default: true },
    { name: "shipping", kind: "http", effect: "keyed" },
    { name: "payment-service", kind: "http-rpc" },
  ]

  test("the order of the demo compiles without a warning", () => {
    const definition: unknown = JSON.parse(
      readFileSync(new URL("../../examples/order.json", import.meta.url), "utf8"),
    )
    expect(warningsOf(definition, connections)).toEqual([])
    const plan = compile(definition, connections)
    expect(plan).toMatchObject({ flow: "order", output_reads: [0, 3], max_parallel: 50 })
    expect(
      plan.tasks.map(({ id, type, deps, reads, effect, on_error }) => [
        id,
        type,
        deps,
        reads,
        effect,
        on_error,
      ]),
    ).toEqual([
      ["pay", "rpc", [], [], "keyed", "park"],
      ["reserve", "db", [], [], "keyed", "park"],
      ["announce", "mq", [0, 1], [0], "keyed", "park"],
      ["ship", "http", [0, 1], [], "keyed", "park"],
    ])
    expect(plan.tasks[3]?.retry).toMatchObject({ strategy: "manual", max_attempts: 1 })
    expect(literalHostsOf(plan)).toEqual([])
  })

  test("a dist_task flow is valid as it stands, given as text", () => {
    const definition = JSON.stringify({
      name: "order_flow",
      description: "订单处理流程",
      tasks: [
        {
          id: "deduct",
          task_name: "deduct",
          description: "扣款",
          depends_on: [],
          config: { service: "payment-service", method: "deduct" },
          retry: { strategy: "auto", max_attempts: 3, interval: 5 },
        },
        {
          id: "inventory",
          task_name: "deduct_inventory",
          depends_on: ["deduct"],
          config: { service: "inventory-service", method: "deduct" },
        },
        {
          id: "notify",
          task_name: "notify",
          depends_on: ["inventory"],
          config: { topic: "order.completed" },
        },
      ],
    })
    expect(warningsOf(definition, connections)).toEqual([
      "effect_assumed_keyed /tasks/0/effect",
      "service_without_connection /tasks/1/config/service",
    ])
    const plan = compile(definition, connections)
    expect(plan.tasks.map(({ kind, effect }) => [kind, effect])).toEqual([
      ["rpc", "keyed"],
      ["rpc", "unsafe"],
      ["mq", "keyed"],
    ])
    expect(plan.tasks[0]).toMatchObject({
      summary: "扣款",
      config: ["'", { service: "payment-service", connection: "payment-service" }],
      retry: { max_attempts: 3, interval_ms: 5_000 },
    })
    expect(literalHostsOf(plan)).toEqual([{ pointer: "/tasks/1/config/service", host: "inventory-service" }])
  })
})
