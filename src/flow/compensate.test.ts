import { describe, expect, test } from "vitest"
import { validateFlow } from "./validate.ts"
import {
  compile,
  compileOne,
  CONNECTIONS,
  db,
  flow,
  problemsOf,
  task,
  validate,
} from "./definitions.testsuite.ts"

const refund = {
  task_name: "http",
  config: {
    url: "https://pay.example/refunds",
    body: { key: "${ task.key }", of: "${ coalesce(output.id, '') }" },
  },
}

describe("compensate", () => {
  test("is compiled with a budget of its own, and says what must be kept for it", () => {
    const plan = compile(
      flow([
        task("order", { compensate: "none" }),
        task("pay", {
          depends_on: ["order"],
          compensate: {
            ...refund,
            input: { order: "${ tasks.order.output.id }", was: "${ input.amount }", is: "${ outcome }" },
          },
        }),
      ]),
    )
    expect(plan.tasks[0]?.compensate).toBe("none")
    expect(plan.tasks[1]?.compensate).toMatchObject({
      kind: "http",
      reads: [0],
      reads_own: ["input", "output"],
      effect: "keyed",
      retry: {
        max_attempts: 10_000,
        interval_ms: 1_000,
        max_interval_ms: 300_000,
        max_elapsed_ms: 86_400_000,
      },
      timeout: { attempt_ms: 30_000 },
    })
  })

  test("has its own retry and timeout where it says so, and the policy's time", () => {
    const retry = { interval: "2s", max_interval: "4s" }
    const plan = compile(
      flow([task("pay", { compensate: { ...refund, retry, timeout: { attempt: "3s" } } })], {
        policy: { compensation: { max_elapsed: "1h", concurrency: 2, drain: "5s" } },
      }),
    )
    expect(plan.tasks[0]?.compensate).toMatchObject({
      retry: { interval_ms: 2_000, max_interval_ms: 4_000, max_elapsed_ms: 3_600_000 },
      timeout: { attempt_ms: 3_000 },
    })
    expect(plan.backward).toEqual({ on_cancel: "compensate", concurrency: 2, drain_ms: 5_000 })
  })

  test("a database task that is undone in the same database is fenced by its barrier", () => {
    const undo = { task_name: "db", config: { connection: "inventory", sql: "update s set n = n + 1" } }
    const take = { sql: "update s set n = n - 1" }
    expect(compileOne(db("take", take, { compensate: undo })).fenced).toBe(true)
    expect(compileOne(db("take", take, { compensate: refund })).fenced).toBeUndefined()
    expect(compileOne(task("take", { compensate: undo })).fenced).toBeUndefined()
    // Whether there is an expression in it or not.
    const given = { ...take, sql: "update s set n = $1", args: ["${ params.n }"] }
    expect(compileOne(db("take", given, { compensate: undo })).fenced).toBe(true)
    const databases = [
      { name: "inventory", kind: "postgres" as const },
      { name: "other", kind: "postgres" as const },
    ]
    for (const config of [take, given]) {
      const elsewhere = { ...undo, config: { ...undo.config, connection: "other" } }
      expect(compileOne(db("take", config, { compensate: elsewhere }), databases).fenced).toBeUndefined()
    }
  })

  test("what makes an output of a lost result takes the input there", () => {
    const undo = (read: string) => ({
      task_name: "db",
      config: { connection: "inventory", sql: "update s set n = $1", args: [`\${ coalesce(${read}, 0) }`] },
    })
    const compiled = (output: string) =>
      compileOne(db("take", { sql: "update s set n = 1" }, { output, compensate: undo("output.n") }))
        .compensate
    expect(compiled("${ {'n': input.n} }")).toMatchObject({ reads_own: ["input", "output"] })
    expect(compiled("${ {'n': output.row_count} }")).toMatchObject({ reads_own: ["output"] })
  })

  test.each([
    ["output may be null", { is: "${ output.id }" }, "maybe_missing /tasks/1/compensate/input/is"],
    ["nothing after it", { is: "${ tasks.ship.output.id }" }, "not_an_ancestor /tasks/1/compensate/input/is"],
    ["of its task the key alone", { is: "${ task.name }" }, "unknown_field /tasks/1/compensate/input/is"],
    ["no unknown name", { is: "${ amount }" }, "unknown_name /tasks/1/compensate/input/is"],
  ])("45: reads %s", (_what, input, problem) => {
    const problems = problemsOf(
      flow([
        task("order", { compensate: refund }),
        task("pay", { depends_on: ["order"], compensate: { ...refund, input } }),
        task("ship", { depends_on: ["pay"], compensate: "none" }),
      ]),
    )
    expect(problems).toEqual([problem])
  })
})

describe("whether a flow goes backward", () => {
  test("one that says nothing of it does not, and its failures park as ever", () => {
    const plan = compile(flow([task("a"), task("b", { depends_on: ["a"] })]))
    expect(plan.backward).toBeUndefined()
    expect(plan.tasks.map(({ irreversible }) => irreversible)).toEqual([undefined, undefined])
  })

  test("a policy, a compensation, a pivot or an on_error does", () => {
    const backward = { on_cancel: "compensate", concurrency: 10, drain_ms: 60_000 }
    expect(compile(flow([], { policy: { failure: "compensate" } })).backward).toEqual(backward)
    expect(compile(flow([task("a", { compensate: refund })])).backward).toEqual(backward)
    expect(compile(flow([task("a", { pivot: true })])).backward).toEqual(backward)
    expect(compile(flow([task("a", { on_error: "compensate" })])).backward).toEqual(backward)
    const stop = flow([task("a", { compensate: refund })], { policy: { on_cancel: "stop" } })
    expect(compile(stop).backward).toEqual({ ...backward, on_cancel: "stop" })
  })

  test("under the policy compensate a refusal turns it back, also of a task that is not repeated", () => {
    const plan = compile(
      flow(
        [
          task("a", { compensate: refund }),
          task("b", { compensate: refund, retry: { strategy: "no_retry" } }),
          task("c", { compensate: refund, retry: { strategy: "manual" } }),
        ],
        { policy: { failure: "compensate" } },
      ),
    )
    expect(plan.tasks.map(({ on_error }) => on_error)).toEqual(["compensate", "compensate", "park"])
  })
})

describe("45: the pivot", () => {
  const read = { effect: "read" }

  test("what cannot be undone comes after all that can be refused", () => {
    const definition = flow([
      task("pay", { compensate: refund }),
      task("ship", { depends_on: ["pay"] }),
      task("check", { ...read, depends_on: ["ship"] }),
      task("look", read),
    ])
    const { problems } = validate(definition)
    expect(problems).toEqual([
      {
        pointer: "/tasks/1",
        code: "irreversible_before_fallible",
        message: "ship cannot be undone, and check (and 1 more) can still be refused once it has happened",
        fix: "let ship depend on check, give it a compensate, or say must_succeed of check",
      },
    ])
  })

  test("but for what must succeed, what the flow goes on without, and what says that nothing has to be undone", () => {
    const plan = compile(
      flow([
        task("pay", { compensate: refund }),
        task("mail", { depends_on: ["pay"], compensate: "none" }),
        task("ship", { depends_on: ["pay", "mail"] }),
        task("tell", { depends_on: ["ship"], must_succeed: true, compensate: "none" }),
        task("rate", { depends_on: ["ship"], on_error: "continue", ...read }),
      ]),
    )
    expect(plan.tasks.map(({ irreversible }) => irreversible === true)).toEqual([
      false,
      false,
      true,
      false,
      false,
    ])
  })

  test("is told as a warning where somebody takes it upon himself", () => {
    const tasks = [
      task("pay", { compensate: refund, pivot: true }),
      task("b", { depends_on: ["pay"], ...read }),
    ]
    const { plan, problems, warnings } = validateFlow(flow(tasks), {
      connections: CONNECTIONS,
      overrides: ["irreversible_before_fallible"],
    })
    expect(problems).toEqual([])
    expect(warnings).toContainEqual(
      expect.objectContaining({ code: "irreversible_before_fallible", pointer: "/tasks/0" }),
    )
    expect(plan?.tasks[0]?.irreversible).toBe(true)
  })

  test("a pivot is one although it could be undone", () => {
    const tasks = [
      task("pay", { compensate: refund, pivot: true }),
      task("b", { depends_on: ["pay"], ...read }),
    ]
    expect(problemsOf(flow(tasks))).toEqual(["irreversible_before_fallible /tasks/0"])
  })
})
