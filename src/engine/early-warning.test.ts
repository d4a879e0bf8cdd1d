import { describe, expect, test } from "vitest"
import { CURRENT_FLAGS } from "../contract/flags.ts"
import type { EarlyWarning } from "../contract/messages.ts"
import type { Plan } from "../contract/plan.ts"
import { backward, drive, type Driver, failures, planOf, type TaskSketch } from "./driver.testsuite.ts"

const started = { kind: "started" } as const
const early_warning = { attempts: 3, after_ms: 120_000 }

function begin(tasks: TaskSketch[], more: Partial<Plan> = {}, flags = [...CURRENT_FLAGS]): Driver {
  const run = drive(planOf(tasks, { early_warning, escalate: [{ after_ms: 1, notify: "team" }], ...more }), {
    flags,
  })
  run.apply(started)
  return run
}

const warn = (run: Driver, more: Partial<EarlyWarning> = {}) =>
  run.apply({
    kind: "warning",
    warning: { task: "pay", operation: "do", generation: 1, code: "HTTP_503", message: "again", ...more },
  })
const five = {
  retry: {
    strategy: "auto",
    max_attempts: 5,
    interval_ms: 1,
    backoff: 1,
    max_interval_ms: 1,
    non_retryable: [],
  },
} satisfies Partial<TaskSketch>

describe("early warning", () => {
  test("a call is told when it is to warn: of attempts only where others follow", () => {
    const run = begin([{ id: "pay", ...five }, { id: "three" }, { id: "none", early_warning: false }])
    expect(run.callOf("pay").input.early_warning).toEqual(early_warning)
    expect(run.callOf("three").input.early_warning).toEqual({ after_ms: 120_000 })
    expect(run.callOf("none").input).not.toHaveProperty("early_warning")
  })

  test("opens a record that moves nothing, and that ends with the call", () => {
    const run = begin([{ id: "pay" }])
    const commands = warn(run)
    expect(commands).toEqual([])
    expect(run.view().transaction).toMatchObject({ status: "running", version: 0, open_exceptions: 0 })
    expect(run.row("pay").status).toBe("running")
    expect(run.view().exceptions).toMatchObject([
      {
        task: "pay",
        kind: "early_warning",
        severity: "warn",
        state: "open",
        code: "HTTP_503",
        suggested_actions: [],
      },
    ])
    warn(run)
    expect(run.view().exceptions).toMatchObject([{ occurrence: 1 }])
    run.done("pay")
    expect(run.view().exceptions).toMatchObject([{ kind: "early_warning", state: "auto_resolved" }])
    expect(run.view().transaction).toMatchObject({ status: "success", open_exceptions: 0 })
  })

  test("becomes the real one, which escalates: never two for one call", () => {
    const run = begin([{ id: "pay" }])
    warn(run)
    expect(run.view().exceptions[0]).not.toHaveProperty("escalates_at")
    run.fail("pay", failures.unknown)
    expect(run.view().exceptions).toMatchObject([
      { kind: "unknown_outcome", state: "open", occurrence: 1, escalates_at: expect.any(Number) },
    ])
    expect(run.view().transaction.open_exceptions).toBe(1)
    run.decide({ action: "retry", task: "pay" })
    warn(run)
    run.fail("pay", failures.unknown)
    expect(run.view().exceptions).toMatchObject([
      { kind: "unknown_outcome", state: "reopened", occurrence: 2 },
    ])
  })

  test("of a call that a stop ends is superseded", () => {
    const run = begin([{ id: "pay" }, { id: "ship", on_error: "fail" }], { fail_fast: true })
    warn(run)
    run.fail("ship", failures.refused)
    run.fail("pay", failures.notExecuted)
    expect(run.view().exceptions.find(({ task }) => task === "pay")).toMatchObject({ state: "superseded" })
    expect(run.view().transaction.status).toBe("failed")
  })

  test("of a compensation that is repeated for hours, until it is done", () => {
    const run = begin(
      [
        { id: "pay", compensate: "undo" },
        { id: "ship", deps: ["pay"], on_error: "compensate" },
      ],
      { backward },
    )
    run.done("pay")
    run.fail("ship", failures.refused)
    expect(run.callOf("pay:undo").input.early_warning).toEqual({ after_ms: 120_000 })
    warn(run, { operation: "undo" })
    expect(run.view().exceptions.find(({ operation }) => operation === "undo")).toMatchObject({
      kind: "early_warning",
      state: "open",
    })
    run.done("pay:undo")
    expect(run.view().exceptions.find(({ operation }) => operation === "undo")).toMatchObject({
      state: "auto_resolved",
    })
    expect(run.view().transaction.status).toBe("compensated")
  })

  test("survives a continue-as-new as any record does", () => {
    const run = begin([{ id: "pay" }, { id: "ship", deps: ["pay"] }])
    warn(run)
    run.done("pay")
    expect(run.restart().view().exceptions).toMatchObject([{ state: "auto_resolved" }])
  })

  test("one that comes late, or of another generation, is of no matter", () => {
    const run = begin([{ id: "pay" }, { id: "ship" }])
    warn(run, { generation: 2 })
    run.done("pay")
    warn(run)
    expect(run.view()).toMatchObject({ exceptions: [], transaction: { ignored_messages: 0 } })
  })

  test.each([
    ["a task that is not there", { task: "gone" }],
    ["what is no warning", { code: 7 as unknown as string }],
  ])("%s is a message that changed nothing", (_name, more) => {
    const run = begin([{ id: "pay" }])
    warn(run, more)
    expect(run.view()).toMatchObject({ exceptions: [], transaction: { ignored_messages: 1 } })
  })

  test("a run of a build before it has none", () => {
    const run = begin(
      [{ id: "pay", ...five }],
      {},
      CURRENT_FLAGS.filter((flag) => flag !== 6),
    )
    expect(run.callOf("pay").input).not.toHaveProperty("early_warning")
    warn(run)
    expect(run.view()).toMatchObject({ exceptions: [], transaction: { ignored_messages: 1 } })
  })
})
