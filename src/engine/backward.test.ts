import { describe, expect, test } from "vitest"
import { idempotencyKey } from "../contract/idempotency-key.ts"
import { backward, drive, type Driver, failures, planOf, type TaskSketch } from "./driver.testsuite.ts"

const started = { kind: "started" } as const
const cancelled = { cause: "cancelled", message: "The call was cancelled." } as const
const read = (...path: string[]) =>
  [
    "$",
    path.reduce<unknown>(
      (from, field) => (from === undefined ? ["v", field] : ["f", from, field]),
      undefined,
    ),
  ] as never

const saga: TaskSketch[] = [
  { id: "order", compensate: "undo" },
  { id: "pay", deps: ["order"], compensate: "undo" },
  { id: "stock", deps: ["pay"], compensate: "undo", on_error: "compensate" },
]

function begin(sketches: TaskSketch[], more = {}): Driver {
  const run = drive(planOf(sketches, { backward, ...more }))
  run.apply(started)
  return run
}

const compensations = (run: Driver) =>
  Object.fromEntries(run.view().tasks.map(({ path, compensation }) => [path, compensation]))

describe("order", () => {
  test("37: a refusal undoes in reverse order what was done, and nothing else", () => {
    const run = begin(saga)
    run.done("order")
    run.done("pay")
    run.fail("stock", failures.refused)
    expect(run.view().transaction.status).toBe("compensating")
    expect(run.openTasks()).toEqual(["pay:undo"])
    run.done("pay:undo")
    expect(run.openTasks()).toEqual(["order:undo"])
    run.done("order:undo")
    expect(run.view()).toMatchObject({
      transaction: { status: "compensated", overridden: false, error: { code: "HTTP_422", task: "stock" } },
    })
    expect(compensations(run)).toEqual({ order: "success", pay: "success", stock: "not_needed" })
  })

  test("40: branches are undone side by side, what they hang on only after both", () => {
    const run = begin([
      { id: "a", compensate: "undo" },
      { id: "b", deps: ["a"], compensate: "undo" },
      { id: "c", deps: ["a"], compensate: "undo" },
      { id: "d", deps: ["b", "c"], on_error: "compensate", compensate: "undo" },
    ])
    run.done("a")
    run.done("b")
    run.done("c")
    run.fail("d", failures.refused)
    expect(run.openTasks()).toEqual(["b:undo", "c:undo"])
    run.done("c:undo")
    expect(run.openTasks()).toEqual(["b:undo"])
    run.done("b:undo")
    expect(run.openTasks()).toEqual(["a:undo"])
  })

  test("runs through tasks that need nothing: reads, skipped ones, those that say none", () => {
    const run = begin([
      { id: "a", compensate: "undo" },
      { id: "look", deps: ["a"], effect: "read" },
      { id: "mail", deps: ["look"], compensate: "none" },
      { id: "b", deps: ["mail"], compensate: "undo" },
      { id: "c", deps: ["b"], on_error: "compensate", compensate: "undo" },
    ])
    for (const task of ["a", "look", "mail", "b"]) run.done(task)
    run.fail("c", failures.refused)
    expect(run.openTasks()).toEqual(["b:undo"])
    run.done("b:undo")
    expect(run.openTasks()).toEqual(["a:undo"])
    expect(compensations(run)).toMatchObject({ look: "not_needed", mail: "not_needed" })
  })

  test("never more at once than the flow allows", () => {
    const leaves = Array.from({ length: 6 }, (_, at) => ({ id: `t${at}`, compensate: "undo" as const }))
    const run = begin(
      [
        ...leaves,
        { id: "last", deps: leaves.map(({ id }) => id), on_error: "compensate", compensate: "undo" },
      ],
      {
        backward: { ...backward, concurrency: 2 },
      },
    )
    for (const { id } of leaves) run.done(id)
    run.fail("last", failures.refused)
    expect(run.openTasks()).toEqual(["t0:undo", "t1:undo"])
    run.done("t1:undo")
    expect(run.openTasks()).toEqual(["t0:undo", "t2:undo"])
  })
})

describe("what needs undoing", () => {
  test("21: an unknown effect does", () => {
    const run = begin([{ id: "pay", compensate: "undo", on_error: "compensate" }])
    run.fail("pay", failures.unknown)
    expect(run.openTasks()).toEqual(["pay:undo"])
    run.done("pay:undo")
    expect(run.view().transaction.status).toBe("compensated")
  })

  test("a refused or unsent one does not, nor one that a person did by other means elsewhere", () => {
    const run = begin([
      { id: "a", compensate: "undo" },
      { id: "b", compensate: "undo", on_error: "compensate" },
    ])
    run.fail("a", failures.unknown)
    run.decide({ action: "complete", task: "a", executed_externally: false, output: 1 })
    run.fail("b", failures.notExecuted)
    expect(run.view().transaction.status).toBe("compensated")
    expect(compensations(run)).toEqual({ a: "not_needed", b: "not_needed" })
  })

  test("54: one that a person did outside does", () => {
    const run = begin([
      { id: "a", compensate: "undo" },
      { id: "b", deps: ["a"], compensate: "undo", on_error: "compensate" },
    ])
    run.fail("a", failures.refused)
    run.decide({ action: "complete", task: "a", executed_externally: true, output: 1 })
    run.fail("b", failures.refused)
    expect(run.openTasks()).toEqual(["a:undo"])
  })

  test("an effect for which the flow has no compensation waits for a person, and holds up its own ancestors only", () => {
    const run = begin([
      { id: "a", compensate: "undo" },
      { id: "b", deps: ["a"] },
      { id: "other", compensate: "undo" },
      { id: "d", deps: ["b", "other"], on_error: "compensate", compensate: "undo" },
    ])
    for (const task of ["a", "other", "b"]) run.done(task)
    run.fail("d", failures.refused)
    expect(run.openTasks()).toEqual(["other:undo"])
    run.done("other:undo")
    expect(run.view()).toMatchObject({
      transaction: { status: "blocked", open_exceptions: 2 },
      exceptions: [
        { task: "d" },
        { task: "b", operation: "undo", kind: "no_compensation", severity: "critical" },
      ],
    })
    const decision = { action: "retry", task: "b", id: "x", actor: "ann", reason: "r" } as const
    expect(run.machine.refuse(decision)).toBe("not_compensating")
    run.decide({ action: "waive_compensation", task: "b", evidence: "ticket 7" })
    run.done("a:undo")
    expect(run.view().transaction).toMatchObject({ status: "compensated", overridden: true })
    expect(compensations(run)).toMatchObject({ b: "waived", a: "success" })
  })
})

describe("open calls", () => {
  const plan: TaskSketch[] = [
    { id: "pay", compensate: "undo" },
    { id: "reserve", compensate: "undo", on_error: "compensate" },
  ]

  test("38: are asked to stop, awaited, and undone by what their end says", () => {
    const run = begin(plan)
    const given = run.fail("reserve", failures.refused)
    expect(given.slice(0, 2)).toMatchObject([
      { kind: "cancel_forward" },
      { kind: "timer", at: 1_020 + 60_000 },
    ])
    expect(run.openTasks()).toEqual(["pay"])
    run.fail("pay", cancelled)
    expect(run.openTasks()).toEqual(["pay:undo"])
    run.done("pay:undo")
    expect(run.view()).toMatchObject({
      transaction: { status: "compensated" },
      tasks: [{ status: "cancelled" }, {}],
    })
  })

  test("that end as not sent are not undone", () => {
    const run = begin(plan)
    run.fail("reserve", failures.refused)
    run.fail("pay", failures.notExecuted)
    expect(run.view().transaction.status).toBe("compensated")
  })

  test("39: after the drain they are undone all the same, and a late success is a critical exception", () => {
    const run = begin(plan)
    run.fail("reserve", failures.refused)
    run.at(62_000)
    run.apply({ kind: "timer", of: "drain" })
    expect(run.openTasks()).toEqual(["pay", "pay:undo"])
    run.done("pay:undo")
    expect(run.view().transaction.status).toBe("compensating")
    run.done("pay")
    expect(run.view()).toMatchObject({
      transaction: { status: "compensated", open_exceptions: 1 },
      exceptions: [{}, { task: "pay", kind: "late_execution", severity: "critical" }],
    })
  })

  test("of a target that fences are not awaited, and a late success of it is no matter", () => {
    const run = begin([{ id: "pay", compensate: "undo", fenced: true }, plan[1] ?? { id: "" }])
    run.fail("reserve", failures.refused)
    expect(run.openTasks()).toEqual(["pay", "pay:undo"])
    run.done("pay:undo")
    run.done("pay")
    expect(run.view()).toMatchObject({ transaction: { status: "compensated", open_exceptions: 0 } })
  })
})

describe("a compensation that does not succeed", () => {
  function stuck(): Driver {
    const run = begin(saga)
    run.done("order")
    run.done("pay")
    run.fail("stock", failures.refused)
    run.fail("pay:undo", failures.unknown)
    return run
  }

  test("41: parks with a critical exception, and a person marks it as done elsewhere", () => {
    const run = stuck()
    expect(run.view()).toMatchObject({
      transaction: { status: "blocked" },
      exceptions: [
        { task: "stock" },
        {
          task: "pay",
          operation: "undo",
          kind: "compensation_failed",
          severity: "critical",
          retry_safe: true,
        },
      ],
    })
    const decision = { action: "mark_compensated", task: "pay", id: "x", actor: "ann", reason: "r" } as const
    expect(run.machine.refuse(decision)).toBe("evidence_required")
    run.decide({ ...decision, evidence: { refund: "R-1" } })
    expect(run.openTasks()).toEqual(["order:undo"])
    run.done("order:undo")
    expect(run.view().transaction).toMatchObject({ status: "compensated", overridden: true })
  })

  test("is tried again under the same key, and knows what was known", () => {
    const run = stuck()
    run.decide({ action: "retry", task: "pay" })
    expect(run.callOf("pay:undo").input).toMatchObject({ prior: "unknown" })
    run.done("pay:undo")
    run.done("order:undo")
    expect(run.view().transaction).toMatchObject({
      status: "compensated",
      overridden: false,
      open_exceptions: 0,
    })
  })

  test("is among those that a retry of everything takes", () => {
    const run = stuck()
    run.decide({ action: "retry" })
    expect(run.openTasks()).toEqual(["pay:undo"])
  })

  test("a refusal is never an end either", () => {
    const run = begin([{ id: "pay", compensate: "undo", on_error: "compensate" }])
    run.fail("pay", failures.unknown)
    run.fail("pay:undo", failures.refused)
    expect(run.view().transaction.status).toBe("blocked")
  })
})

describe("who asks for it", () => {
  test("43: a cancel; once it goes backward cancels are recorded and change nothing", () => {
    const run = begin(saga)
    run.done("order")
    run.fail("pay", failures.refused)
    run.decide({ action: "cancel" })
    expect(run.openTasks()).toEqual(["order:undo"])
    for (let times = 0; times < 3; times++) expect(run.decide({ action: "cancel" })).toEqual([])
    expect(run.apply({ kind: "cancel" })).toEqual([])
    run.done("order:undo")
    expect(run.view()).toMatchObject({ transaction: { status: "compensated" } })
    expect(run.view().decisions).toHaveLength(4)
  })

  test("a cancel of a flow whose on_cancel is stop leaves the effects in place", () => {
    const run = begin(saga, { backward: { ...backward, on_cancel: "stop" } })
    run.done("order")
    run.decide({ action: "cancel" })
    run.fail("pay", cancelled)
    expect(run.view().transaction.status).toBe("cancelled")
  })

  test("an abort, a deadline", () => {
    const aborted = begin(saga)
    aborted.done("order")
    aborted.decide({ action: "abort", reason: "wrong price" })
    aborted.fail("pay", failures.notExecuted)
    aborted.done("order:undo")
    expect(aborted.view().transaction).toMatchObject({ status: "compensated", error: { code: "aborted" } })
    const late = begin(saga, { timeout_ms: 500 })
    late.done("order")
    late.at(2_000)
    late.apply({ kind: "timer", of: "deadline" })
    late.fail("pay", failures.notExecuted)
    late.done("order:undo")
    expect(late.view().transaction).toMatchObject({ status: "compensated", overdue: true })
  })

  test("50: pause holds new compensations, resume lets them go on", () => {
    const run = begin(saga)
    run.done("order")
    run.done("pay")
    run.fail("stock", failures.refused)
    run.decide({ action: "pause" })
    run.done("pay:undo")
    expect(run.openTasks()).toEqual([])
    expect(run.view().transaction).toMatchObject({ status: "blocked", paused: true })
    run.decide({ action: "resume" })
    expect(run.openTasks()).toEqual(["order:undo"])
  })
})

describe("44: after the pivot", () => {
  const plan: TaskSketch[] = [
    { id: "pay", compensate: "undo" },
    { id: "send", deps: ["pay"], irreversible: true },
    { id: "tell", deps: ["send"], on_error: "compensate", compensate: "undo" },
  ]

  test("a cancel is refused from the moment that the effect may be there", () => {
    const run = begin(plan)
    const decision = { action: "cancel", id: "c", actor: "ann", reason: "r" } as const
    expect(run.machine.refuse(decision)).toBeUndefined()
    run.done("pay")
    expect(run.machine.refuse(decision)).toBe("pivot_passed")
    expect(run.view().transaction.pivot_passed).toBe(true)
    run.fail("send", failures.notExecuted)
    expect(run.machine.refuse(decision)).toBeUndefined()
    expect(run.view().transaction.pivot_passed).toBeUndefined()
  })

  test("failures park, Temporal's cancel is ignored and a deadline only opens an exception", () => {
    const run = begin(plan, { timeout_ms: 500 })
    run.done("pay")
    run.done("send")
    run.apply({ kind: "cancel" })
    run.at(2_000)
    run.apply({ kind: "timer", of: "deadline" })
    run.fail("tell", failures.refused)
    expect(run.view()).toMatchObject({
      transaction: { status: "blocked", overdue: true, ignored_messages: 1, pivot_passed: true },
      exceptions: [
        { task: null, kind: "deadline" },
        { task: "tell", kind: "pivot_passed" },
      ],
    })
    run.decide({ action: "retry", task: "tell" })
    run.done("tell")
    expect(run.view().transaction.status).toBe("success")
  })
})

describe("what a compensation knows", () => {
  const compensate = {
    reads_own: ["input", "output"] as ("input" | "output")[],
    sends_input: true,
    input: {
      key: read("task", "key"),
      amount: read("input", "amount"),
      payment: read("output", "id"),
      outcome: read("outcome"),
      order: read("tasks", "order", "output", "id"),
    },
    reads: [0],
  }
  const plan: TaskSketch[] = [
    { id: "order", compensate: "undo" },
    { id: "pay", deps: ["order"], input: { amount: read("params", "amount") }, compensate },
    { id: "stock", deps: ["pay"], on_error: "compensate", compensate: "undo" },
  ]
  const key = idempotencyKey({
    tenant: "default",
    transaction: "t1",
    task: "pay",
    operation: "do",
    generation: 1,
  })
  const expected = { key, amount: 7, payment: "p1", outcome: "executed", order: "o1" }

  test("its task's input, output, outcome and key, and the outputs before it", () => {
    const run = drive(planOf(plan, { backward }), { params: { amount: 7 } })
    run.apply(started)
    run.done("order", { id: "o1" })
    run.done("pay", { id: "p1" })
    run.fail("stock", failures.refused)
    expect(run.callOf("pay:undo").input.input).toEqual(expected)
  })

  test("also after a continue-as-new, before and within the way back", () => {
    const first = drive(planOf(plan, { backward }), { params: { amount: 7 } })
    first.apply(started)
    first.done("order", { id: "o1" })
    first.done("pay", { id: "p1" })
    first.decide({ action: "pause" })
    first.fail("stock", failures.unknown)
    const before = drive(planOf(plan, { backward }), {
      params: { amount: 7 },
      snapshot: first.machine.snapshot(),
    })
    before.apply(started)
    expect(before.view().tasks.map(({ compensation }) => compensation)).toEqual(["none", "none", "pending"])
    before.decide({ action: "resume", id: "go on" })
    before.fail("stock:undo", failures.notExecuted)
    const within = before.restart()
    within.apply(started)
    expect(within.view()).toMatchObject({
      transaction: { status: "blocked" },
      tasks: [{}, {}, { compensation: "parked" }],
    })
    within.decide({ action: "retry", id: "again" })
    within.done("stock:undo")
    expect(within.callOf("pay:undo").input.input).toEqual(expected)
    within.done("pay:undo")
    within.done("order:undo")
    expect(within.view().transaction.status).toBe("compensated")
  })

  test("an expression that has no value parks the compensation", () => {
    const run = drive(planOf(plan, { backward }), { params: { amount: 7 } })
    run.apply(started)
    run.done("order", { id: "o1" })
    run.fail("pay", failures.unknown)
    run.decide({ action: "cancel" })
    expect(run.view()).toMatchObject({
      transaction: { status: "blocked" },
      tasks: [{}, { compensation: "parked", undo: { error: { code: "expression_error" } } }, {}],
    })
  })
})

test("a person who has nothing but Temporal's page sees what was undone and what waits", () => {
  const run = begin(saga)
  run.done("order")
  run.done("pay")
  run.fail("stock", failures.refused)
  run.fail("pay:undo", failures.refused)
  const details = run.commands.findLast((command) => command.kind === "details")
  expect(details?.text).toContain("| task | status | outcome | compensation | code | message |")
  expect(details?.text).toContain("| pay | success | executed | parked | HTTP_422 | no |")
  expect(details?.text).toContain("Decide by signal or update")
})
