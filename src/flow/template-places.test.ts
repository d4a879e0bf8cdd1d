import { describe, expect, test } from "vitest"
import { compile, flow, http, problemsOf, task, validate } from "./definitions.testsuite.ts"

/** pay, then ship; the rest of ship as given. */
const chain = (ship: Record<string, unknown>, more: Record<string, unknown> = {}) =>
  flow(
    [task("pay"), task("ship", { depends_on: ["pay"], ...ship }), task("late", { depends_on: ["ship"] })],
    more,
  )

describe("names in expressions", () => {
  test.each([
    "${ params.x }",
    "${ tasks.pay.output.x }",
    "${ tasks['pay'].output }",
    "${ tasks.pay.status }",
    "${ tasks.pay.error }",
    "${ transaction.id }",
    "${ transaction.started_at }",
    "${ [1, 2].map(tasks, tasks * 2) }",
    "${ type(params.x) == int }",
  ])("input may read %s", (expression) => {
    expect(problemsOf(chain({ input: { a: expression } }))).toEqual([])
  })

  test.each([
    ["${ input.x }", "not_available_here"],
    ["${ output.x }", "not_available_here"],
    ["${ secrets.key }", "unsupported"],
    ["${ vars.x }", "unsupported"],
    ["${ item }", "unsupported"],
    ["${ task.key }", "unsupported"],
    ["${ order_id }", "unknown_name"],
    ["${ parms.x }", "unknown_name"],
    ["${ tasks[params.x].output }", "dynamic_task_reference"],
    ["${ tasks }", "dynamic_task_reference"],
    ["${ tasks.pay }", "unknown_field"],
    ["${ tasks.pay.result }", "unknown_field"],
    ["${ transaction.name }", "unknown_field"],
    ["${ tasks.pya.output }", "unknown_task"],
    ["${ tasks.late.output }", "not_an_ancestor"],
    ["${ tasks.ship.output }", "not_an_ancestor"],
    ["${ 1 + }", "expression_syntax"],
    ["${ params.x", "expression_syntax"],
  ])("input may not read %s: %s", (expression, code) => {
    expect(problemsOf(chain({ input: { a: [expression] } }))).toEqual([`${code} /tasks/1/input/a/0`])
  })

  test("config may read the task's own input too", () => {
    const config = {
      url: "/x",
      connection: "shipping",
      body: { a: "${ input.x }", b: "${ tasks.pay.output }" },
    }
    expect(problemsOf(flow([task("pay"), http("ship", config, { depends_on: ["pay"] })]))).toEqual([])
    expect(problemsOf(flow([http("ship", { ...config, body: "${ output }" })]))).toEqual([
      "not_available_here /tasks/0/config/body",
    ])
  })

  test("output and fail_when read the reply and the input only", () => {
    const config = { url: "/x", connection: "shipping", fail_when: "${ output.a == params.a }" }
    expect(
      problemsOf(
        flow([http("a", config, { output: { x: "${ tasks.a.output }", y: "${ output.y + input.z }" } })]),
      ),
    ).toEqual(["not_available_here /tasks/0/config/fail_when", "not_available_here /tasks/0/output/x"])
  })

  test("the flow's output reads every task, its business_key the params only", () => {
    expect(
      problemsOf(chain({}, { output: { a: "${ tasks.late.output }", b: "${ transaction.id }" } })),
    ).toEqual([])
    const wrong = { output: "${ input.x }", business_key: "${ transaction.id }" }
    expect(problemsOf(chain({}, wrong))).toEqual([
      "not_available_here /output",
      "not_available_here /business_key",
    ])
  })

  test("a wrong expression does not hide what is wrong beside it", () => {
    const input = { a: "${ 1 + }", b: { c: ["${ tasks.nope.output }", "${ ) }"] } }
    expect(problemsOf(chain({ input }))).toEqual([
      "expression_syntax /tasks/1/input/a",
      "unknown_task /tasks/1/input/b/c/0",
      "expression_syntax /tasks/1/input/b/c/1",
    ])
  })
})

describe("ancestors", () => {
  const fixOf = (definition: unknown) =>
    validate(definition).problems.map(({ message, fix }) => [message, fix])
  const reads = (id: string, dependsOn: string[]) =>
    flow([
      task("pay"),
      task("ship", { depends_on: dependsOn, input: { a: `\${ tasks.${id}.output }` } }),
      task("late", { depends_on: ["ship"] }),
    ])

  test("names the dependency that is missing", () => {
    expect(fixOf(reads("pay", []))).toEqual([
      ["ship reads pay but does not depend on it", 'add "pay" to /tasks/1/depends_on'],
    ])
  })

  test("does not propose a dependency that would close a cycle", () => {
    expect(fixOf(reads("late", []))).toEqual([["ship reads late, which runs only after ship", undefined]])
    expect(fixOf(reads("ship", []))).toEqual([
      ["ship reads its own ship, which is not there before it ran", undefined],
    ])
  })

  test("may be any number of steps away", () => {
    const definition = flow([
      task("a"),
      task("b", { depends_on: ["a"] }),
      task("c", { depends_on: ["b"], input: { x: "${ tasks.a.output }" } }),
    ])
    expect(problemsOf(definition)).toEqual([])
  })

  test("are not judged where a dependency is misspelled", () => {
    expect(problemsOf(reads("pay", ["pya"]))).toEqual(["unknown_task /tasks/1/depends_on/0"])
    expect(
      problemsOf(
        flow([task("pay"), task("b", { depends_on: "pay", input: { x: "${ tasks.pay.output }" } })]),
      ),
    ).toEqual(["wrong_type /tasks/1/depends_on"])
  })
})

describe("reads and requires", () => {
  const planned = (more: Record<string, unknown>) => {
    const before = ["a", "b", "c", "d"]
    const plan = compile(flow([...before.map((id) => task(id)), task("e", { depends_on: before, ...more })]))
    return [plan.tasks[4]?.reads, plan.tasks[4]?.requires]
  }

  test("come from input and config, in order and without repeats", () => {
    const config = { url: "/${ tasks.b.output.id }", connection: "shipping" }
    expect(
      planned({
        task_name: "http",
        config,
        input: { x: "${ tasks.d.output + tasks.a.output + tasks.a.output }" },
      }),
    ).toEqual([
      [0, 1, 3],
      [0, 1, 3],
    ])
  })

  test("a default makes a reading optional, a status needs no output", () => {
    expect(planned({ input: { x: "${ coalesce(tasks.a.output.y, 1) }", y: "${ tasks.b.status }" } })).toEqual(
      [[0, 1], []],
    )
    expect(planned({ input: { x: "${ coalesce(tasks.a.output.y, tasks.a.output.z) }" } })).toEqual([[0], [0]])
  })

  test("output_reads are those of the flow's output", () => {
    const plan = compile(
      flow([task("a"), task("b")], {
        output: { x: "${ tasks.b.output }", y: "${ coalesce(tasks.a.output, 0) }" },
      }),
    )
    expect(plan.output_reads).toEqual([0, 1])
    expect(compile(flow([task("a")]))).toMatchObject({ output: null, output_reads: [] })
  })
})
