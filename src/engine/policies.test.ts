import { FLAGS } from "../contract/flags.ts"
import { describe, expect, test } from "vitest"
import { drive, failures, planOf } from "./driver.testsuite.ts"

const started = { kind: "started" } as const
const paramIs = (name: string) => ["$", ["f", ["v", "params"], name]] as const

describe("when", () => {
  const plan = (on_skip?: "prune") =>
    planOf([
      { id: "a" },
      { id: "gift", deps: ["a"], when: paramIs("gift"), ...(on_skip ? { on_skip } : {}) },
      { id: "ship", deps: ["gift"] },
    ])

  test("true runs the task, false skips it and what follows runs", () => {
    const wanted = drive(plan(), { params: { gift: true } })
    wanted.apply(started)
    wanted.done("a")
    expect(wanted.openTasks()).toEqual(["gift"])
    const unwanted = drive(plan(), { params: { gift: false } })
    unwanted.apply(started)
    unwanted.done("a")
    expect(unwanted.openTasks()).toEqual(["ship"])
    expect(unwanted.row("gift")).toMatchObject({ status: "skipped", reason: "when", outcome: "not_started" })
  })

  test("with on_skip prune, what depends on a skipped task alone is pruned", () => {
    const run = drive(plan("prune"), { params: { gift: false } })
    run.apply(started)
    run.done("a")
    expect(run.statuses()).toEqual({ a: "success", gift: "skipped", ship: "pruned" })
    expect(run.view().transaction.status).toBe("success")
  })

  test("what is no boolean parks the task, and a retry asks again", () => {
    const run = drive(plan(), { params: { gift: "yes" } })
    run.apply(started)
    run.done("a")
    expect(run.row("gift")).toMatchObject({ status: "parked", error: { code: "expression_error" } })
    run.decide({ action: "retry", task: "gift" })
    expect(run.row("gift").status).toBe("parked")
  })
})

describe("on_error continue", () => {
  test("the flow goes on, what follows reads the error, nobody has to decide, and it ends well", () => {
    const error = [
      "$",
      ["f", ["f", ["f", ["f", ["v", "tasks"], "score"], "output"], "error"], "code"],
    ] as const
    const run = drive(
      planOf([
        { id: "score", on_error: "continue" },
        { id: "pay", deps: ["score"], reads: ["score"], input: { why: error }, sends_input: true },
      ]),
    )
    run.apply(started)
    run.fail("score", failures.refused)
    expect(run.callOf("pay").input.input).toEqual({ why: "HTTP_422" })
    run.done("pay")
    expect(run.view()).toMatchObject({
      transaction: { status: "success", open_exceptions: 0 },
      tasks: [{ status: "failed", reason: "continued" }, { status: "success" }],
      exceptions: [{ task: "score", state: "auto_resolved" }],
    })
  })

  test("an unknown outcome of an unsafe call parks all the same", () => {
    const run = drive(planOf([{ id: "pay", effect: "unsafe", on_error: "continue" }]))
    run.apply(started)
    run.fail("pay", failures.unknown)
    expect(run.row("pay").status).toBe("parked")
  })

  test("stays over a continue-as-new", () => {
    const run = drive(
      planOf([
        { id: "a", on_error: "continue" },
        { id: "b", deps: ["a"] },
      ]),
      { quiet: 8 },
    )
    run.apply(started)
    run.fail("a", failures.refused)
    const next = run.restart({ quiet: 1_000 })
    next.apply(started)
    next.done("b")
    expect(next.view().transaction.status).toBe("success")
  })
})

describe("fail_fast", () => {
  const plan = planOf(
    [{ id: "a", on_error: "fail" }, { id: "b" }, { id: "c", deps: ["a"] }, { id: "d", deps: ["b"] }],
    { fail_fast: true },
  )

  test("one failure stops the others, and the transaction fails when they have ended", () => {
    const run = drive(plan)
    run.apply(started)
    expect(run.fail("a", failures.refused).map(({ kind }) => kind)).toEqual(["cancel_forward"])
    expect(run.view().transaction.status).toBe("running")
    run.fail("b", { cause: "cancelled", message: "stopped" })
    expect(run.statuses()).toEqual({ a: "failed", b: "cancelled", c: "pruned", d: "cancelled" })
    expect(run.view().transaction).toMatchObject({ status: "failed", error: { task: "a", code: "HTTP_422" } })
  })

  test("a resume tries what failed and what was stopped; an unsafe call that was under way asks first", () => {
    const unsafe = planOf(
      [
        { id: "a", on_error: "fail" },
        { id: "b", effect: "unsafe" },
        { id: "c", deps: ["b"] },
      ],
      {
        fail_fast: true,
      },
    )
    const run = drive(unsafe)
    run.apply(started)
    run.fail("a", failures.refused)
    run.fail("b", { cause: "cancelled", message: "stopped" })
    const next = run.restart({ resume: { id: "again", action: "retry", actor: "ann" } })
    next.apply(started)
    expect(next.statuses()).toEqual({ a: "running", b: "parked", c: "pending" })
    expect(next.view().transaction.open_exceptions).toBe(1)
    expect(next.machine.refuse({ id: "x", action: "retry", task: "b", actor: "ann" })).toBe(
      "unknown_needs_attestation",
    )
    next.done("a")
    next.decide({ action: "complete", task: "b", attest: "executed" })
    next.done("c")
    expect(next.view().transaction).toMatchObject({ status: "success", open_exceptions: 0, error: null })
  })
})

describe("resume of what was parked as executed", () => {
  test("parks it again, with its exception open", () => {
    const read = { deps: ["big"], reads: ["big"] }
    const run = drive(planOf([{ id: "big" }, { id: "reader", ...read }]))
    run.apply(started)
    run.done("big", "x".repeat(1_100_000))
    expect(run.row("big")).toMatchObject({ status: "parked", outcome: "executed" })
    run.decide({ action: "abort" })
    expect(run.view().transaction).toMatchObject({ status: "failed", open_exceptions: 0 })
    const next = run.restart({ resume: { id: "again", action: "retry", actor: "ann" } })
    next.apply(started)
    expect(next.row("big")).toMatchObject({ status: "parked", outcome: "executed" })
    expect(next.view().transaction).toMatchObject({ status: "blocked", open_exceptions: 1 })
  })
})

describe("resume of what was done while the run was stopped, with an output that failed", () => {
  test("parks it with an exception, although nobody was told before", () => {
    const plan = planOf([{ id: "a", on_error: "fail" }, { id: "b" }], { fail_fast: true })
    const run = drive(plan, { flags: [FLAGS.proven_repeats.id] })
    run.apply(started)
    run.fail("a", failures.refused)
    const code = "expression_error"
    run.fail("b", {
      cause: "reported",
      class: "misconfigured",
      outcome: "executed",
      code,
      message: "no such field",
    })
    expect(run.view().transaction.status).toBe("failed")
    expect(run.view().exceptions.map(({ task }) => task)).toEqual(["a"])
    const next = run.restart({ resume: { id: "again", action: "retry", actor: "ann" } })
    next.apply(started)
    next.done("a")
    expect(next.view()).toMatchObject({
      transaction: { status: "blocked", open_exceptions: 1 },
      exceptions: [{ task: "a" }, { task: "b", outcome: "executed", code, suggested_actions: ["complete"] }],
    })
  })
})

describe("policy.timeout", () => {
  const plan = planOf([{ id: "a" }, { id: "b", deps: ["a"] }], { timeout_ms: 60_000 })
  const timerOf = (commands: { kind: string }[]) => commands.find(({ kind }) => kind === "timer")

  test("a timer is set at the start; when it fires, what has not started stops and the transaction fails", () => {
    const run = drive(plan)
    expect(timerOf(run.apply(started))).toEqual({ kind: "timer", at: 61_000, of: "deadline" })
    run.at(61_000)
    expect(run.apply({ kind: "timer", of: "deadline" }).map(({ kind }) => kind)).toEqual(["cancel_forward"])
    run.done("a")
    expect(run.view()).toMatchObject({
      transaction: { status: "failed", overdue: true, error: { code: "deadline_exceeded", task: null } },
      exceptions: [{ task: null, kind: "deadline", state: "open" }],
    })
    expect(run.statuses()).toEqual({ a: "success", b: "cancelled" })
  })

  test("one that comes early is set again", () => {
    const run = drive(plan)
    run.apply(started)
    expect(run.apply({ kind: "timer", of: "deadline" })).toEqual([
      { kind: "timer", at: 61_000, of: "deadline" },
    ])
  })

  test("a person extends it, and it is set anew in a continued run", () => {
    const run = drive(plan, { quiet: 8 })
    run.apply(started)
    expect(timerOf(run.decide({ action: "extend_deadline", extend_by_ms: 5_000 }))).toEqual({
      kind: "timer",
      at: 66_000,
      of: "deadline",
    })
    run.done("a")
    expect(timerOf(run.restart().apply(started))).toEqual({ kind: "timer", at: 66_000, of: "deadline" })
  })

  test.each([undefined, 0, -1, 1.5, Number.NaN, 1e15])("an extension by %s is refused", (extend_by_ms) => {
    const run = drive(plan)
    run.apply(started)
    const decision = { id: "x", action: "extend_deadline", actor: "ann", extend_by_ms }
    expect(run.machine.refuse(decision)).toBe("extension_invalid")
  })

  test("without one there is nothing to extend", () => {
    const run = drive(planOf([{ id: "a" }]))
    run.apply(started)
    const decision = { id: "x", action: "extend_deadline", actor: "ann", extend_by_ms: 1_000 }
    expect(run.machine.refuse(decision)).toBe("no_deadline")
  })

  test("a resume begins the time limit anew", () => {
    const run = drive(plan)
    run.apply(started)
    run.at(61_000)
    run.apply({ kind: "timer", of: "deadline" })
    run.done("a")
    const next = run.restart({ resume: { id: "again", action: "retry", actor: "ann" } })
    expect(timerOf(next.apply(started))).toBeDefined()
    expect(next.view().transaction).toMatchObject({ overdue: false, open_exceptions: 0 })
    next.done("b")
    expect(next.view().transaction.status).toBe("success")
  })
})

describe("pause", () => {
  test("nothing new starts, what runs goes on; resume starts what is ready", () => {
    const run = drive(planOf([{ id: "a" }, { id: "b", deps: ["a"] }]))
    run.apply(started)
    run.decide({ action: "pause" })
    expect(run.done("a")).toEqual([])
    expect(run.view().transaction).toMatchObject({ status: "blocked", paused: true })
    run.decide({ action: "resume" })
    expect(run.openTasks()).toEqual(["b"])
    expect(run.view().transaction).toMatchObject({ status: "running", paused: false })
  })

  test("stays over a continue-as-new", () => {
    const run = drive(planOf([{ id: "a" }, { id: "b", deps: ["a"] }]), { quiet: 8 })
    run.apply(started)
    run.decide({ action: "pause" })
    run.done("a")
    const next = run.restart({ quiet: 1_000 })
    next.apply(started)
    expect(next.openTasks()).toEqual([])
    next.decide({ action: "resume", id: "go" })
    expect(next.openTasks()).toEqual(["b"])
  })
})

describe("fail and abort", () => {
  test("fail ends a parked task; what depends on it is pruned, other branches go on", () => {
    const run = drive(planOf([{ id: "a" }, { id: "b", deps: ["a"] }, { id: "c" }]))
    run.apply(started)
    run.fail("a", failures.refused)
    run.decide({ action: "fail", task: "a" })
    expect(run.statuses()).toEqual({ a: "failed", b: "pruned", c: "running" })
    run.done("c")
    expect(run.view().transaction).toMatchObject({ status: "failed", overridden: true, error: { task: "a" } })
  })

  test("D3 fail of an unknown outcome needs an attestation", () => {
    const run = drive(planOf([{ id: "a", effect: "unsafe" }]))
    run.apply(started)
    run.fail("a", failures.unknown)
    const decision = { id: "x", action: "fail", task: "a", actor: "ann" }
    expect(run.machine.refuse(decision)).toBe("unknown_needs_attestation")
    run.decide({ action: "fail", task: "a", attest: "not_executed" })
    expect(run.row("a")).toMatchObject({ status: "failed", outcome: "not_executed" })
  })

  test("abort stops everything and the transaction fails with the person's words", () => {
    const run = drive(planOf([{ id: "a" }, { id: "b", deps: ["a"] }]))
    run.apply(started)
    run.decide({ action: "abort", reason: "wrong customer" })
    run.done("a")
    expect(run.view().transaction).toMatchObject({
      status: "failed",
      error: { code: "aborted", message: "A person aborted the transaction: wrong customer" },
    })
  })
})

describe("retry_with_input", () => {
  const plan = planOf([{ id: "a", input: { amount: 1 }, sends_input: true }])

  test("calls again with the person's input under a new generation", () => {
    const run = drive(plan)
    run.apply(started)
    run.fail("a", failures.refused)
    run.decide({ action: "retry_with_input", task: "a", input: { amount: 2 } })
    const call = run.callOf("a@2")
    expect(call.input.input).toEqual({ amount: 2 })
    expect(call.input.prior).toBeUndefined()
    run.fail("a@2", failures.notExecuted)
    expect(run.restart().row("a")).toMatchObject({ generation: 2, status: "parked" })
    const next = run.restart()
    next.apply(started)
    next.decide({ action: "retry", task: "a", id: "again" })
    expect(next.callOf("a@2").input.input).toEqual({ amount: 2 })
    next.done("a@2")
    expect(next.view().transaction.status).toBe("success")
  })

  test("an unknown outcome is not left behind, whatever the effect", () => {
    const run = drive(plan)
    run.apply(started)
    run.fail("a", failures.unknown)
    const decision = { id: "x", action: "retry_with_input", task: "a", actor: "ann", input: {} }
    expect(run.machine.refuse(decision)).toBe("unknown_needs_attestation")
    expect(run.machine.refuse({ ...decision, attest: "executed" })).toBe("attested_executed")
    expect(run.machine.refuse({ ...decision, attest: "not_executed" })).toBeUndefined()
  })

  test("needs an input that fits", () => {
    const run = drive(plan)
    run.apply(started)
    run.fail("a", failures.refused)
    const decision = { id: "x", action: "retry_with_input", task: "a", actor: "ann" }
    expect(run.machine.refuse(decision)).toBe("input_required")
    expect(run.machine.refuse({ ...decision, input: "x".repeat(100_000) })).toBe("output_too_large")
  })
})
