/** A target is asked what became of a call whose answer is lost (design 4.1). */
import { describe, expect, test } from "vitest"
import { CURRENT_FLAGS, FLAGS } from "../contract/flags.ts"
import { backward, drive, failures, planOf, PROBE as probe, type TaskSketch } from "./driver.testsuite.ts"

const started = { kind: "started" } as const
const found = { found: true, output: { id: "P-1" } }
const notFound = { found: false, output: null }
const lost = { cause: "lost", message: "worker lost" } as const
const fences = { ...probe, fences: true } as const

/** Its call was sent, and nobody knows what became of it: the target is being asked. */
function asking(
  sketch: Partial<TaskSketch> = {},
  more: Partial<Parameters<typeof planOf>[1]> = {},
  flags: readonly number[] = CURRENT_FLAGS,
) {
  const pay: TaskSketch = { id: "pay", effect: "unsafe", probe, ...sketch }
  const run = drive(planOf([pay, { id: "ship", deps: ["pay"] }], more), { flags: [...flags] })
  run.apply(started)
  run.fail("pay", failures.unknown)
  return run
}

describe("probe", () => {
  test("is asked before anybody is, and while it is the trouble is on record", () => {
    const run = asking()
    expect(run.openTasks()).toEqual(["pay:probe"])
    expect(run.row("pay")).toMatchObject({
      status: "running",
      outcome: "unknown",
      error: { code: "HTTP_500" },
    })
    expect(run.view()).toMatchObject({
      transaction: { status: "running", open_exceptions: 1 },
      exceptions: [{ task: "pay", kind: "unknown_outcome", state: "open" }],
    })
  })

  test("found: the task is done, with what the probe makes of the reply, and nobody has to look", () => {
    const run = asking()
    run.done("pay:probe", found)
    expect(run.row("pay")).toMatchObject({
      status: "success",
      outcome: "executed",
      output: { id: "P-1" },
      error: null,
    })
    expect(run.view()).toMatchObject({
      transaction: { open_exceptions: 0 },
      exceptions: [{ state: "auto_resolved", occurrence: 1 }],
    })
    expect(run.openTasks()).toEqual(["ship"])
  })

  test("not found proves nothing: it parks as unknown, says so, and can be asked again", () => {
    const run = asking()
    run.done("pay:probe", notFound)
    expect(run.row("pay")).toMatchObject({ status: "parked", outcome: "unknown" })
    expect(run.view().exceptions).toMatchObject([
      {
        kind: "unknown_outcome",
        state: "open",
        occurrence: 1,
        severity: "critical",
        message: "? The target was asked: it knows nothing of the call, which may still arrive.",
        suggested_actions: [
          "probe",
          "complete with attest executed",
          "retry with attest not_executed",
          "skip with attest",
        ],
      },
    ])
    run.decide({ action: "probe", task: "pay" })
    expect(run.openTasks()).toEqual(["pay:probe"])
    run.done("pay:probe", found)
    expect(run.statuses()).toEqual({ pay: "success", ship: "running" })
    expect(run.view().decisions).toMatchObject([
      { action: "probe", task: "pay", before: { tasks: [{ status: "parked" }] } },
    ])
  })

  test("not found by one that fences: it did not run, and what a person sends has a key of its own", () => {
    const run = asking({ probe: fences })
    run.done("pay:probe", notFound)
    expect(run.row("pay")).toMatchObject({
      status: "parked",
      outcome: "not_executed",
      reason: "fenced",
      generation: 1,
    })
    expect(run.view().exceptions).toMatchObject([
      { kind: "retries_exhausted", retry_safe: true, occurrence: 1 },
    ])
    const next = run.restart()
    next.apply(started)
    next.decide({ action: "retry", task: "pay" })
    expect(next.openTasks()).toEqual(["pay@2"])
    expect(next.callOf("pay@2").input.prior).toBeUndefined()
    next.fail("pay@2", failures.unknown)
    expect(next.openTasks()).toEqual(["pay@2:probe"])
  })

  test("fenced off, a task fails by its flow's word, and nothing of it is undone", () => {
    const run = asking(
      { probe: fences, effect: "keyed", on_error: "compensate", compensate: "undo" },
      { backward },
    )
    run.done("pay:probe", notFound)
    expect(run.row("pay")).toMatchObject({
      status: "failed",
      outcome: "not_executed",
      compensation: "not_needed",
    })
    expect(run.view().transaction.status).toBe("compensated")
  })

  test.each([
    [
      "a 404",
      { ...failures.refused, code: "HTTP_404" },
      "it knows nothing of the call, which may still arrive.",
    ],
    ["another refusal", failures.refused, "no answer (HTTP_422: no)"],
    ["no answer", { cause: "start_to_close", message: "too late" } as const, "no answer (too late)"],
  ])("%s leaves it unknown", (_, failure, said) => {
    const run = asking()
    run.fail("pay:probe", failure)
    expect(run.row("pay")).toMatchObject({ status: "parked", outcome: "unknown" })
    expect(run.view().exceptions[0]?.message).toBe(`? The target was asked: ${said}`)
  })

  test("an answer of another shape is none", () => {
    const run = asking({ probe: fences })
    run.done("pay:probe", { found: "no", output: null })
    expect(run.row("pay").outcome).toBe("unknown")
    expect(run.view().exceptions[0]?.message).toContain("executed_when: expected true or false")
  })

  test("a keyed task is asked about when its retries are spent", () => {
    const run = asking({ effect: "keyed", on_error: "fail" })
    run.done("pay:probe", notFound)
    expect(run.row("pay")).toMatchObject({ status: "failed", outcome: "unknown" })
  })

  test("what is known is not asked about, by nobody", () => {
    const run = drive(planOf([{ id: "pay", probe }]))
    run.apply(started)
    run.fail("pay", failures.refused)
    expect(run.openTasks()).toEqual([])
    const ask = { id: "x", actor: "ann", action: "probe" } as const
    expect(run.machine.refuse({ ...ask, task: "pay" })).toBe("outcome_known")
    expect(run.machine.refuse(ask)).toBe("task_required")
    const other = drive(planOf([{ id: "pay" }]))
    other.apply(started)
    other.fail("pay", failures.unknown)
    expect(other.machine.refuse({ ...ask, task: "pay" })).toBe("no_probe")
  })

  test("while it is asked about, nothing is decided about it", () => {
    const run = asking()
    for (const action of ["retry", "skip", "probe"] as const)
      expect(run.machine.refuse({ id: "x", actor: "ann", action, task: "pay", attest: "not_executed" })).toBe(
        "not_parked",
      )
  })

  test("a pause holds the question, and it is not lost in a continue-as-new", () => {
    const run = drive(planOf([{ id: "pay", effect: "unsafe", probe }]))
    run.apply(started)
    run.decide({ action: "pause" })
    run.fail("pay", failures.unknown)
    expect(run.openTasks()).toEqual([])
    const next = run.restart()
    next.apply(started)
    next.decide({ action: "resume", id: "resumed" })
    expect(next.openTasks()).toEqual(["pay:probe"])
    next.done("pay:probe", found)
    expect(next.view().transaction).toMatchObject({ status: "success", open_exceptions: 0 })
  })

  test("turned back while it is asked about, what it found is undone", () => {
    const run = asking({ effect: "keyed", compensate: "undo" }, { backward })
    run.decide({ action: "cancel" })
    run.done("pay:probe", found)
    expect(run.row("pay")).toMatchObject({ status: "cancelled", outcome: "executed" })
    expect(run.openTasks()).toEqual(["pay:undo"])
  })

  test("turned back before it could be asked, what is unknown is undone", () => {
    const run = drive(planOf([{ id: "pay", probe, compensate: "undo" }], { backward }))
    run.apply(started)
    run.decide({ action: "pause" })
    run.fail("pay", failures.unknown)
    run.decide({ action: "cancel" })
    run.decide({ action: "resume" })
    expect(run.openTasks()).toEqual(["pay:undo"])
  })

  test("a cancel that only stops leaves the question open when there is no answer", () => {
    const run = asking()
    run.decide({ action: "cancel" })
    run.fail("pay:probe", { cause: "cancelled", message: "cancelled" })
    expect(run.view()).toMatchObject({
      transaction: { status: "cancelled", open_exceptions: 1 },
      exceptions: [{ state: "open", occurrence: 1, outcome: "unknown" }],
    })
  })

  test("a probe whose config cannot be made parks the task", () => {
    const run = asking({ probe: { ...probe, config: { url: ["$", ["f", ["v", "params"], "none"]] } } })
    expect(run.row("pay")).toMatchObject({ status: "parked", outcome: "unknown" })
    expect(run.view().exceptions[0]?.message).toContain("no answer")
  })

  test("its config may read the input and the key of the call that it asks about", () => {
    const key = ["$", ["f", ["v", "task"], "key"]] as const
    const amount = ["$", ["f", ["v", "input"], "amount"]] as const
    const own = {
      ...probe,
      reads_own: ["input" as const],
      config: { url: "http://127.0.0.1/find", body: { key, amount } },
    }
    const run = asking({ probe: own, input: { amount: 7 } })
    expect(run.callOf("pay:probe").input).toMatchObject({
      effect: "read",
      config: { body: { key: expect.stringMatching(/^hf_/), amount: 7 } },
    })
  })

  const broken = { ...probe, config: { url: ["$", ["f", ["v", "params"], "none"]] as const } }

  test("a probe that cannot be made turns the transaction back like any failure, and nothing is left in place", () => {
    const run = drive(
      planOf(
        [
          { id: "a", compensate: "undo" },
          { id: "pay", deps: ["a"], on_error: "compensate", compensate: "undo", probe: broken },
        ],
        { backward },
      ),
    )
    run.apply(started)
    run.done("a")
    run.fail("pay", failures.unknown)
    expect(run.view().transaction.status).toBe("compensating")
    run.done("pay:undo")
    run.done("a:undo")
    expect(run.view().transaction.status).toBe("compensated")
  })

  test("one that stops the transaction starts nothing that was ready beside it", () => {
    const run = drive(
      planOf([{ id: "pay", on_error: "fail", probe: broken }, { id: "y" }, { id: "x", deps: ["y"] }], {
        fail_fast: true,
      }),
    )
    run.apply(started)
    run.decide({ action: "pause" })
    run.fail("pay", failures.unknown)
    run.done("y")
    run.decide({ action: "resume" })
    expect(run.openTasks()).toEqual([])
    expect(run.view().transaction.status).toBe("failed")
    expect(run.statuses()).toMatchObject({ x: "cancelled" })
  })

  test("a question that a stop left is not asked after a resume: what a person attested counts", () => {
    const run = drive(
      planOf(
        [
          { id: "pay", effect: "unsafe", probe },
          { id: "bad", on_error: "fail" },
        ],
        { fail_fast: true },
      ),
    )
    run.apply(started)
    run.apply(
      { kind: "failed", token: run.callOf("pay").token, failure: failures.unknown },
      { kind: "failed", token: run.callOf("bad").token, failure: failures.refused },
    )
    expect(run.view().transaction.status).toBe("failed")
    const resume = { id: "again", action: "retry", actor: "ann", reason: "r" } as const
    const next = run.restart({ resume })
    next.apply(started)
    next.decide({ action: "retry", task: "pay", attest: "not_executed", id: "attested" })
    expect(next.openTasks()).toContain("pay")
    expect(next.openTasks()).not.toContain("pay:probe")
  })

  test("a key that was fenced off is not used again, also after a stop and a resume", () => {
    const run = drive(
      planOf(
        [
          { id: "pay", probe: fences },
          { id: "bad", on_error: "fail" },
        ],
        { fail_fast: true },
      ),
    )
    run.apply(started)
    run.fail("pay", failures.unknown)
    run.done("pay:probe", notFound)
    run.fail("bad", failures.refused)
    const resume = { id: "again", action: "retry", actor: "ann", reason: "r" } as const
    const next = run.restart({ resume })
    next.apply(started)
    expect(next.openTasks()).toContain("pay@2")
  })

  test("what was fenced off and then done by hand is not repeated under another key by a resume", () => {
    const run = drive(planOf([{ id: "pay", on_error: "park", probe: fences }]), {
      flags: [FLAGS.proven_repeats.id],
    })
    run.apply(started)
    run.fail("pay", failures.unknown)
    run.done("pay:probe", notFound)
    run.decide({ action: "fail", task: "pay", attest: "executed" })
    expect(run.row("pay")).toMatchObject({ status: "failed", outcome: "executed" })
    const resume = { id: "again", action: "retry", actor: "ann", reason: "r" } as const
    const next = run.restart({ resume })
    next.apply(started)
    expect(next.openTasks()).toEqual([])
    expect(next.row("pay")).toMatchObject({ status: "parked", outcome: "executed", generation: 1 })
  })

  describe("a question that fences, was sent, and had no answer", () => {
    const barrier = { effect: "keyed", on_error: "park", probe: fences } as const

    test("may have fenced the key off: a refusal is asked about, and what follows takes a new key", () => {
      const run = asking(barrier)
      run.fail("pay:probe", lost)
      run.decide({ action: "retry", task: "pay" })
      run.fail("pay", failures.refused)
      expect(run.openTasks()).toEqual(["pay:probe"])
      expect(run.row("pay")).toMatchObject({ status: "running", outcome: "rejected" })
      run.done("pay:probe", notFound)
      expect(run.row("pay")).toMatchObject({ status: "parked", outcome: "not_executed", reason: "fenced" })
      run.decide({ action: "retry", task: "pay" })
      expect(run.openTasks()).toEqual(["pay@2"])
      // Of this key nothing was asked.
      run.fail("pay@2", failures.refused)
      expect(run.row("pay")).toMatchObject({ status: "parked", outcome: "rejected" })
      expect(run.openTasks()).toEqual([])
    })

    test("leaves a known outcome known when it has none again, and is asked again after the next refusal", () => {
      let run = asking(barrier)
      run.fail("pay:probe", lost)
      run.decide({ action: "retry", task: "pay" })
      run.fail("pay", failures.refused)
      run.fail("pay:probe", lost)
      expect(run.row("pay")).toMatchObject({ status: "parked", outcome: "rejected" })
      run = run.restart()
      run.apply(started)
      run.decide({ action: "retry", task: "pay", id: "after the restart" })
      run.fail("pay", failures.refused)
      expect(run.openTasks()).toEqual(["pay:probe"])
      run.done("pay:probe", found)
      expect(run.row("pay")).toMatchObject({ status: "success", outcome: "executed" })
    })

    test("is no reason to ask where it fences nothing, or where the run began before the rule", () => {
      const without = CURRENT_FLAGS.filter((id) => id !== FLAGS.ask_after_refusal.id)
      for (const run of [asking({ ...barrier, probe }), asking(barrier, {}, without)]) {
        run.fail("pay:probe", lost)
        run.decide({ action: "retry", task: "pay" })
        run.fail("pay", failures.refused)
        expect(run.row("pay")).toMatchObject({ status: "parked", outcome: "rejected" })
      }
    })
  })

  test("a refusal proves no fence, whatever its code says", () => {
    const run = asking({ probe: fences })
    run.fail("pay:probe", { ...failures.refused, code: "GRPC_NOT_FOUND" })
    expect(run.row("pay")).toMatchObject({ status: "parked", outcome: "unknown" })
  })

  test("found, and no output can be made of it: that is no question any more", () => {
    const run = asking()
    run.fail("pay:probe", {
      cause: "reported",
      class: "misconfigured",
      outcome: "executed",
      code: "output_too_large",
      message: "too large",
    })
    expect(run.row("pay")).toMatchObject({
      status: "parked",
      outcome: "executed",
      error: { code: "output_too_large" },
    })
    expect(run.view().exceptions[0]?.suggested_actions).toEqual(["complete"])
  })

  test("what it finds on the way back is there for the undoing, and answers the question", () => {
    const run = asking(
      {
        effect: "keyed",
        compensate: { reads_own: ["output"], config: { id: ["$", ["f", ["v", "output"], "id"]] } },
      },
      { backward },
    )
    run.decide({ action: "cancel" })
    run.done("pay:probe", found)
    expect(run.callOf("pay:undo").input.config).toEqual({ id: "P-1" })
    const stopped = asking()
    stopped.decide({ action: "cancel" })
    stopped.done("pay:probe", found)
    expect(stopped.view()).toMatchObject({
      transaction: { status: "cancelled", open_exceptions: 0 },
      exceptions: [{ state: "auto_resolved" }],
    })
  })

  test("says what the last answer was, not all of them", () => {
    const run = asking()
    run.done("pay:probe", notFound)
    run.decide({ action: "probe", task: "pay" })
    run.fail("pay:probe", failures.refused)
    expect(run.view().exceptions[0]?.message).toBe("? The target was asked: no answer (HTTP_422: no)")
  })

  test("another input after a fence takes one new key, and a task that a person completed is fenced no more", () => {
    const run = asking({ probe: fences })
    run.done("pay:probe", notFound)
    run.decide({ action: "retry_with_input", task: "pay", input: { amount: 1 } })
    expect(run.openTasks()).toEqual(["pay@2"])
    const other = asking({ probe: fences })
    other.done("pay:probe", notFound)
    other.decide({ action: "complete", task: "pay", output: 1 })
    expect(other.row("pay")).toMatchObject({ status: "success", reason: null })
  })
})
