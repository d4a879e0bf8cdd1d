import { describe, expect, test } from "vitest"
import { CURRENT_FLAGS } from "../contract/flags.ts"
import type { Plan, PlanEscalationStep } from "../contract/plan.ts"
import {
  backward,
  drive,
  type Driver,
  type DriverOptions,
  failures,
  planOf,
  PROBE,
  type TaskSketch,
} from "./driver.testsuite.ts"

const started = { kind: "started" } as const
const timer = { kind: "timer", of: "escalation" } as const
const MINUTE = 60_000

const steps: PlanEscalationStep[] = [
  { after_ms: 5 * MINUTE, notify: "team" },
  { after_ms: 30 * MINUTE, notify: "lead" },
  { after_ms: 24 * 60 * MINUTE, action: "abort" },
]

function begin(tasks: TaskSketch[], more: Partial<Plan> = {}, options: Partial<DriverOptions> = {}): Driver {
  const run = drive(planOf(tasks, { escalate: steps, ...more }), { flags: [...CURRENT_FLAGS], ...options })
  run.apply(started)
  return run
}

const exceptionOf = (run: Driver, task: string | null = "pay") =>
  run.view().exceptions.find((row) => row.task === task)
const timersOf = (run: Driver) =>
  run.commands.flatMap((command) => (command.kind === "timer" ? [{ at: command.at, of: command.of }] : []))

/** The timer fires when the last command said. */
function fire(run: Driver): void {
  const at = timersOf(run).at(-1)?.at ?? Number.NaN
  run.at(at - 10)
  run.apply(timer)
}

describe("escalation", () => {
  test("no timer is set before something fails", () => {
    const run = begin([{ id: "pay" }])
    run.done("pay")
    expect(timersOf(run)).toEqual([])
  })

  test("its steps are taken in order, on one timer, and the row says how far it is", () => {
    const run = begin([{ id: "pay" }], { team: "payments", sla_ms: 120 * MINUTE })
    run.fail("pay", failures.refused)
    const { occurred_at } = exceptionOf(run) ?? { occurred_at: Number.NaN }
    expect(exceptionOf(run)).toMatchObject({
      state: "open",
      team: "payments",
      sla_due_at: occurred_at + 120 * MINUTE,
      escalates_at: occurred_at + 5 * MINUTE,
    })
    expect(exceptionOf(run)?.escalation_level).toBeUndefined()
    fire(run)
    expect(exceptionOf(run)).toMatchObject({
      escalation_level: 1,
      escalated_to: "team",
      escalates_at: occurred_at + 30 * MINUTE,
    })
    fire(run)
    expect(exceptionOf(run)).toMatchObject({ escalation_level: 2, escalated_to: "lead", state: "open" })
    expect(run.view().decisions).toEqual([])
    fire(run)
    expect(run.view().transaction).toMatchObject({ status: "failed", error: { code: "aborted" } })
    expect(run.view().decisions).toMatchObject([
      {
        action: "abort",
        actor: "escalation",
        reason: "Step 3 of the escalation of task pay: rejected was open for 86400 s.",
      },
    ])
    expect(exceptionOf(run)).toMatchObject({ state: "superseded", escalation_level: 3, escalated_to: "lead" })
    expect(exceptionOf(run)).not.toHaveProperty("escalates_at")
    expect(timersOf(run).map(({ of }) => of)).toEqual(["escalation", "escalation", "escalation"])
  })

  test("steps that a stopped worker missed are taken together", () => {
    const run = begin([{ id: "pay" }])
    run.fail("pay", failures.refused)
    run.at(40 * MINUTE)
    run.apply(timer)
    expect(exceptionOf(run)).toMatchObject({ escalation_level: 2, escalated_to: "lead" })
  })

  test("what is resolved rises no more, and the timer goes on for the others", () => {
    const run = begin([{ id: "pay" }, { id: "ship" }])
    run.fail("pay", failures.refused)
    run.at(MINUTE)
    run.fail("ship", failures.refused)
    run.decide({ action: "skip", task: "pay" })
    fire(run)
    expect(exceptionOf(run, "ship")?.escalation_level).toBeUndefined()
    fire(run)
    expect(exceptionOf(run)).toMatchObject({ state: "resolved" })
    expect(exceptionOf(run)?.escalation_level).toBeUndefined()
    expect(exceptionOf(run, "ship")).toMatchObject({ escalation_level: 1 })
  })

  test("one timer for deadline and steps: the soonest, then the other", () => {
    const run = begin([{ id: "pay" }], { timeout_ms: 20 * MINUTE })
    run.fail("pay", failures.refused)
    fire(run)
    expect(timersOf(run).map(({ of }) => of)).toEqual(["deadline", "escalation", "deadline"])
    run.at(20 * MINUTE + 2_000)
    run.apply({ kind: "timer", of: "deadline" })
    expect(run.view().transaction).toMatchObject({ status: "failed", error: { code: "deadline_exceeded" } })
  })

  test("goes on after a continue-as-new, with its level and its time", () => {
    const run = begin([{ id: "pay" }])
    run.fail("pay", failures.refused)
    fire(run)
    const next = run.restart()
    next.apply(started)
    expect(timersOf(next)).toEqual([timersOf(run).at(-1)])
    fire(next)
    expect(exceptionOf(next)).toMatchObject({ escalation_level: 2, escalated_to: "lead" })
  })

  test("an action that a person would be refused is not carried out, and the record says why", () => {
    const run = begin(
      [
        { id: "ship", effect: "keyed", irreversible: true },
        { id: "pay", deps: ["ship"] },
      ],
      { backward },
    )
    run.done("ship")
    run.fail("pay", failures.refused)
    for (const _ of steps) fire(run)
    expect(exceptionOf(run)).toMatchObject({
      state: "open",
      escalation_level: 3,
      escalation_refused: "abort: pivot_passed",
    })
    expect(run.view()).toMatchObject({ transaction: { status: "blocked" }, decisions: [] })
  })

  test.each<[string, Partial<TaskSketch>, PlanEscalationStep, string]>([
    [
      "an unknown effect is not repeated",
      { effect: "unsafe" },
      { after_ms: 1, action: "retry" },
      "retry: unknown_needs_attestation",
    ],
    ["what has no probe is not asked", {}, { after_ms: 1, action: "probe" }, "probe: no_probe"],
  ])("%s", (_name, sketch, step, refused) => {
    const run = begin([{ id: "pay", ...sketch, escalate: [step] }])
    run.fail("pay", failures.unknown)
    fire(run)
    expect(exceptionOf(run)).toMatchObject({ escalation_refused: refused })
    expect(run.row("pay").status).toBe("parked")
  })

  test("retries, asks, pauses and cancels as a person would", () => {
    const retried = begin([{ id: "pay", escalate: [{ after_ms: 1, action: "retry" }] }])
    retried.fail("pay", failures.unknown)
    fire(retried)
    expect(exceptionOf(retried)).toMatchObject({ state: "resolved", resolved_by: "escalation pay:do:1:1:1" })
    expect(retried.openTasks()).toEqual(["pay"])

    const asked = begin([{ id: "pay", probe: PROBE, escalate: [{ after_ms: 1, action: "probe" }] }])
    asked.fail("pay", failures.unknown)
    asked.fail("pay:probe", failures.notExecuted)
    fire(asked)
    expect(asked.openTasks()).toEqual(["pay:probe"])

    const paused = begin([{ id: "pay", escalate: [{ after_ms: 1, action: "pause" }] }])
    paused.fail("pay", failures.refused)
    fire(paused)
    expect(paused.view().transaction).toMatchObject({ paused: true, status: "blocked" })

    const cancelled = begin([{ id: "pay", escalate: [{ after_ms: 1, action: "cancel" }] }])
    cancelled.fail("pay", failures.refused)
    fire(cancelled)
    expect(cancelled.view().transaction.status).toBe("cancelled")
  })

  test("opened again it keeps its level, its clock starts anew, and the third time it rises at once", () => {
    const run = begin([{ id: "pay" }])
    run.fail("pay", failures.refused)
    fire(run)
    const again = () => {
      run.decide({ action: "retry", task: "pay" })
      run.fail("pay", failures.refused)
    }
    run.at(20 * MINUTE)
    again()
    const { occurred_at, ...row } = exceptionOf(run) ?? { occurred_at: Number.NaN }
    expect(row).toMatchObject({ state: "reopened", occurrence: 2, escalation_level: 1, escalated_to: "team" })
    expect(row).toMatchObject({ escalates_at: occurred_at + 30 * MINUTE })
    again()
    expect(exceptionOf(run)).toMatchObject({ occurrence: 3, escalation_level: 1 })
    again()
    expect(exceptionOf(run)).toMatchObject({ occurrence: 4, escalation_level: 2, escalated_to: "lead" })
    again()
    again()
    again()
    // The next step does something: that waits for its time.
    expect(exceptionOf(run)).toMatchObject({ occurrence: 7, escalation_level: 2, state: "reopened" })
  })

  test("a task's own steps go before the flow's, and none at all are none", () => {
    const run = begin([
      { id: "pay", escalate: [{ after_ms: 1, notify: "treasury" }], sla_ms: 7 },
      { id: "ship", escalate: [] },
    ])
    run.fail("pay", failures.refused)
    run.fail("ship", failures.refused)
    fire(run)
    expect(exceptionOf(run)).toMatchObject({ escalated_to: "treasury" })
    expect(exceptionOf(run, "ship")).not.toHaveProperty("escalates_at")
    expect(exceptionOf(run, "ship")).not.toHaveProperty("sla_due_at")
  })

  test("a compensation that parks escalates by its task's steps", () => {
    const run = begin(
      [
        { id: "pay", compensate: "undo", escalate: [{ after_ms: 1, action: "retry" }] },
        { id: "ship", deps: ["pay"], on_error: "compensate" },
      ],
      { backward },
    )
    run.done("pay")
    run.fail("ship", failures.refused)
    run.fail("pay:undo", failures.unknown)
    fire(run)
    expect(run.openTasks()).toEqual(["pay:undo"])
    expect(exceptionOf(run)).toMatchObject({ operation: "undo", state: "resolved", escalation_level: 1 })
  })

  test("the clocks of what is open stop with the transaction, and start anew when it is resumed", () => {
    const run = begin([{ id: "pay", on_error: "fail" }])
    run.fail("pay", failures.refused)
    expect(run.view().transaction.status).toBe("failed")
    expect(exceptionOf(run)).toMatchObject({ state: "open" })
    expect(exceptionOf(run)).not.toHaveProperty("escalates_at")
  })

  test("a run of a build before it has none of it", () => {
    const flags = CURRENT_FLAGS.filter((flag) => flag !== 6)
    const run = begin([{ id: "pay" }], { team: "payments", sla_ms: 1 }, { flags })
    run.fail("pay", failures.refused)
    expect(timersOf(run)).toEqual([])
    expect(exceptionOf(run)).not.toHaveProperty("team")
  })
})
