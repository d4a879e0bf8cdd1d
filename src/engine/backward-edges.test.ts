/** Going backward where calls, clocks, resets and people cross each other. */
import { describe, expect, test } from "vitest"
import { backward, drive, type Driver, failures, planOf, type TaskSketch } from "./driver.testsuite.ts"

const started = { kind: "started" } as const
const output = ["$", ["f", ["v", "output"], "id"]] as const
const sends = { reads_own: ["output" as const], sends_input: true }

function begin(sketches: TaskSketch[], more = {}, options = {}): Driver {
  const run = drive(planOf(sketches, { backward, ...more }), options)
  run.apply(started)
  return run
}

/** `pay` is open when `stock` is refused; the drain is over. */
function drained(pay: Partial<TaskSketch>): Driver {
  const run = begin([
    { id: "pay", compensate: "undo", ...pay },
    { id: "stock", compensate: "undo", on_error: "compensate" },
  ])
  run.fail("stock", failures.refused)
  run.apply({ kind: "timer", of: "drain" })
  return run
}
const kinds = (run: Driver) =>
  run.view().exceptions.flatMap(({ kind, resolved_at }) => (resolved_at === null ? [kind] : []))

describe("a call that ends after its compensation was sent", () => {
  test("is late also at a barrier, where a person ended the compensation", () => {
    const run = drained({ fenced: true })
    run.fail("pay:undo", failures.misconfigured)
    run.decide({ action: "mark_compensated", task: "pay", evidence: "by hand" })
    run.done("pay")
    expect(run.view().transaction.status).toBe("compensated")
    expect(kinds(run)).toEqual(["late_execution"])
  })

  test("is not late where nothing was sent: what its compensation lacked is there now", () => {
    const run = drained({ compensate: { ...sends, input: { of: output as never } } })
    expect(run.row("pay")).toMatchObject({
      compensation: "parked",
      undo: { error: { code: "expression_error" } },
    })
    run.done("pay", { id: "p1" })
    expect(run.callOf("pay:undo").input.input).toEqual({ of: "p1" })
    run.done("pay:undo")
    expect([run.view().transaction.status, kinds(run)]).toEqual(["compensated", []])
  })

  test("and turns out not to have run leaves nothing for a person", () => {
    const run = drained({ compensate: { ...sends, input: { of: output as never } } })
    run.fail("pay", failures.refused)
    expect([run.view().transaction.status, kinds(run)]).toEqual(["compensated", []])
  })

  test("is sent again as it was: the key is the same", () => {
    const compensate = {
      ...sends,
      input: { is: ["$", ["v", "outcome"]], of: ["$", ["v", "output"]] } as never,
    }
    const run = drained({ compensate })
    const first = run.callOf("pay:undo").input.input
    expect(first).toEqual({ is: "unknown", of: null })
    run.fail("pay:undo", failures.unknown)
    run.done("pay", { id: "p1" })
    const next = run.restart()
    next.apply(started)
    next.decide({ action: "retry", task: "pay", id: "again" })
    expect(next.callOf("pay:undo").input.input).toEqual(first)
  })
})

test("a compensation that was done is done, whatever was wrong with its reply", () => {
  const run = begin([{ id: "pay", compensate: "undo", on_error: "compensate" }])
  run.fail("pay", failures.unknown)
  run.fail("pay:undo", { ...failures.misconfigured, outcome: "executed", code: "output_too_large" })
  expect(run.view().transaction.status).toBe("compensated")
})

test("whoever meets its task at a barrier says what is known, and how to make what is not", () => {
  const compensate = { ...sends, config: { of: output as never } }
  const known = begin([{ id: "pay", fenced: true, compensate: { ...compensate, config: {} } }])
  known.fail("pay", failures.refused)
  known.decide({ action: "complete", task: "pay", executed_externally: true, output: { id: "x" } })
  const open = begin([{ id: "pay", fenced: true, compensate, on_error: "compensate", output }])
  open.fail("pay", failures.unknown)
  // The engine itself has no output to read.
  expect(open.row("pay").compensation).toBe("parked")
  const guarded = { ...compensate, config: { of: ["$", ["v", "output"]] as never } }
  const lost = begin([{ id: "pay", fenced: true, compensate: guarded, on_error: "compensate", output }])
  lost.fail("pay", failures.unknown)
  expect(lost.callOf("pay:undo").input).toMatchObject({
    undoes: "unknown",
    late: { config: guarded.config, output, scope: { params: {} } },
  })
  const kept = begin([
    { id: "pay", fenced: true, compensate: guarded },
    { id: "next", deps: ["pay"], on_error: "compensate", compensate: "undo" },
  ])
  kept.done("pay", { id: "p" })
  kept.fail("next", failures.refused)
  expect(kept.callOf("pay:undo").input).toMatchObject({ undoes: "executed", config: { of: { id: "p" } } })
  expect(kept.callOf("pay:undo").input.late).toBeUndefined()
})

describe("a deadline", () => {
  const plan: TaskSketch[] = [
    { id: "pay", compensate: "undo" },
    { id: "send", deps: ["pay"], irreversible: true },
  ]
  function overdue(): Driver {
    const run = begin(plan, { timeout_ms: 500 })
    run.done("pay")
    run.at(2_000)
    run.apply({ kind: "timer", of: "deadline" })
    return run
  }

  test("that came while the pivot was on its way turns back once it is refused", () => {
    const run = overdue()
    expect(run.view().transaction).toMatchObject({ status: "running", overdue: true })
    run.fail("send", failures.refused)
    expect(run.openTasks()).toEqual(["pay:undo"])
    run.done("pay:undo")
    expect(run.view().transaction).toMatchObject({
      status: "compensated",
      error: { code: "deadline_exceeded" },
    })
  })

  test("is told once, also over a continue-as-new, until somebody extends it", () => {
    const run = overdue()
    run.fail("send", failures.unknown)
    const next = run.restart()
    expect(next.apply(started)).toEqual([])
    expect(next.view().exceptions).toMatchObject([{ task: null, occurrence: 1 }, { task: "send" }])
    next.decide({ action: "extend_deadline", extend_by_ms: 60_000, id: "more" })
    expect(next.view()).toMatchObject({
      transaction: { overdue: false },
      exceptions: [{ task: null, state: "resolved" }, { task: "send" }],
    })
    expect(next.commands).toContainEqual({ kind: "timer", at: 61_500, of: "deadline" })
  })

  test("the drain begins when the transaction turns back, not when the call that turned it ended", () => {
    const run = begin([
      { id: "pay", compensate: "undo" },
      { id: "stock", compensate: "undo", on_error: "compensate" },
    ])
    run.at(100_000)
    const given = run.fail("stock", { ...failures.refused, ended_at: 1_500 })
    expect(given).toContainEqual({ kind: "timer", at: 100_010 + 60_000, of: "drain" })
  })
})

describe("a person who lets a task of the pivot fail", () => {
  const plan: TaskSketch[] = [
    { id: "pay", compensate: "undo" },
    { id: "send", deps: ["pay"], irreversible: true, effect: "unsafe" },
  ]
  const fail = { action: "fail", task: "send", id: "f", actor: "ann", reason: "r" } as const

  test("may when it is known not to have happened, and may not when it has", () => {
    const run = begin(plan)
    run.done("pay")
    run.fail("send", failures.unknown)
    expect(run.machine.refuse({ ...fail, attest: "executed" })).toBe("pivot_passed")
    expect(run.machine.refuse({ ...fail, attest: "not_executed" })).toBeUndefined()
  })

  test("may not where it is known not to have run, and was done by hand", () => {
    const run = begin(plan)
    run.done("pay")
    run.fail("send", failures.refused)
    expect(run.machine.refuse({ ...fail, attest: "executed" })).toBe("pivot_passed")
  })

  test("what a pivot held up that was then refused goes on as its flow says", () => {
    const run = drive(
      planOf(
        [
          { id: "order", compensate: "undo" },
          { id: "send", deps: ["order"], irreversible: true, on_error: "compensate" },
          { id: "pay", deps: ["order"], compensate: "undo", on_error: "compensate" },
          { id: "mail", deps: ["order"], compensate: "none", on_error: "fail" },
        ],
        { backward },
      ),
    )
    run.apply(started)
    run.done("order")
    run.fail("mail", failures.refused)
    run.fail("pay", failures.refused)
    expect(run.statuses()).toMatchObject({ pay: "parked", mail: "parked" })
    expect(run.view().exceptions).toMatchObject([{ kind: "pivot_passed" }, { kind: "pivot_passed" }])
    run.fail("send", failures.notExecuted)
    expect(run.view()).toMatchObject({ transaction: { status: "compensating" } })
    expect(run.statuses()).toMatchObject({ send: "failed", order: "success" })
    run.done("order:undo")
    expect(run.view().transaction).toMatchObject({ status: "compensated", open_exceptions: 0 })
  })

  test("without anything else that turns it back, what was held up does", () => {
    const run = drive(
      planOf(
        [
          { id: "send", irreversible: true, on_error: "continue" },
          { id: "pay", compensate: "undo", on_error: "compensate" },
        ],
        { backward },
      ),
    )
    run.apply(started)
    run.fail("pay", failures.refused)
    expect(run.statuses()).toMatchObject({ pay: "parked" })
    run.fail("send", failures.refused)
    expect(run.statuses()).toMatchObject({ pay: "failed", send: "failed" })
    expect(run.view().transaction.status).toBe("compensated")
  })
})
