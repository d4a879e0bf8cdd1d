import { describe, expect, test } from "vitest"
import type { Decision } from "../contract/messages.ts"
import type { Effect } from "../contract/statuses.ts"
import type { CallFailed } from "./events.ts"
import { drive, failures, planOf } from "./driver.testsuite.ts"

const started = { kind: "started" } as const

function parked(effect: Effect, failure: CallFailed, more: Parameters<typeof planOf>[0] = []) {
  const run = drive(planOf([{ id: "pay", effect }, ...more]))
  run.apply(started)
  run.fail("pay", failure)
  const refuse = (decision: Partial<Decision>) =>
    run.machine.refuse({ id: "probe", actor: "ann", task: "pay", reason: "r", ...decision })
  return { run, refuse }
}

describe("retry", () => {
  test("goes on under the same key: same activity id, and the outcome before travels as prior", () => {
    const { run } = parked("keyed", failures.unknown)
    run.decide({ action: "retry", task: "pay" })
    expect(run.callOf("pay").input.prior).toBe("unknown")
    run.done("pay")
    expect(run.view()).toMatchObject({
      transaction: { status: "success", overridden: false, open_exceptions: 0 },
      exceptions: [{ state: "resolved", resolved_by: "d1", occurrence: 1 }],
    })
  })

  test("opens the same record again when it fails again", () => {
    const { run } = parked("keyed", failures.notExecuted)
    run.decide({ action: "retry", task: "pay" })
    run.fail("pay", failures.notExecuted)
    expect(run.view().exceptions).toMatchObject([{ state: "reopened", occurrence: 2, resolved_at: null }])
  })

  test("without a task takes all parked ones that may be retried", () => {
    const run = drive(planOf([{ id: "a" }, { id: "b", effect: "unsafe" }, { id: "c" }]))
    run.apply(started)
    run.fail("a", failures.refused)
    run.fail("b", failures.unknown)
    run.fail("c", failures.misconfigured)
    run.decide({ action: "retry" })
    expect(run.openTasks()).toEqual(["a", "c"])
    expect(run.statuses().b).toBe("parked")
  })

  test.each<[Effect, CallFailed, Partial<Decision>, string | undefined]>([
    ["unsafe", failures.unknown, {}, "unknown_needs_attestation"],
    ["unsafe", failures.unknown, { attest: "not_executed" }, undefined],
    ["unsafe", failures.unknown, { attest: "executed" }, "attested_executed"],
    ["unsafe", failures.notExecuted, {}, undefined],
    ["unsafe", failures.refused, {}, undefined],
    ["keyed", failures.unknown, {}, undefined],
    ["idempotent", failures.unknown, {}, undefined],
    ["read", failures.unknown, {}, undefined],
  ])("%s after %o with %o is %s", (effect, failure, decision, refusal) => {
    expect(parked(effect, failure).refuse({ action: "retry", ...decision })).toBe(refusal)
  })

  test("an attested repeat starts as not executed and marks the transaction as overridden", () => {
    const { run } = parked("unsafe", failures.unknown)
    run.decide({ action: "retry", task: "pay", attest: "not_executed" })
    expect(run.callOf("pay").input.prior).toBe("not_executed")
    expect(run.view().transaction.overridden).toBe(true)
  })
})

describe("complete and skip", () => {
  test("D3 an unknown effect is not left behind without an attestation", () => {
    const { refuse } = parked("keyed", failures.unknown)
    expect(refuse({ action: "skip" })).toBe("unknown_needs_attestation")
    expect(refuse({ action: "complete" })).toBe("unknown_needs_attestation")
    expect(refuse({ action: "complete", executed_externally: true })).toBeUndefined()
  })

  test.each<[Partial<Decision> & Pick<Decision, "action">, CallFailed, string, string]>([
    [{ action: "complete" }, failures.refused, "success", "overridden"],
    [{ action: "complete", attest: "executed" }, failures.unknown, "success", "executed"],
    [{ action: "complete", attest: "not_executed" }, failures.unknown, "success", "overridden"],
    [{ action: "complete", executed_externally: true }, failures.notExecuted, "success", "executed"],
    [{ action: "skip" }, failures.notExecuted, "skipped", "skipped"],
    [{ action: "skip", attest: "executed" }, failures.unknown, "skipped", "executed"],
    [{ action: "skip", attest: "not_executed" }, failures.unknown, "skipped", "skipped"],
  ])("%o after %o", (decision, failure, status, outcome) => {
    const { run } = parked("keyed", failure)
    run.decide({ task: "pay", ...decision })
    expect(run.row("pay")).toMatchObject({ status, outcome })
    expect(run.view().transaction).toMatchObject({ status: "success", overridden: true, open_exceptions: 0 })
  })

  test("a completion's output is what later tasks read", () => {
    const read = ["$", ["f", ["f", ["v", "tasks"], "pay"], "output"]] as const
    const { run } = parked("keyed", failures.refused, [
      { id: "next", deps: ["pay"], reads: ["pay"], requires: ["pay"], config: { url: read } },
    ])
    run.decide({ action: "complete", task: "pay", output: "by hand" })
    expect(run.callOf("next").input.config).toEqual({ url: "by hand" })
  })

  test("a task whose output is needed cannot be skipped; with a default it can", () => {
    const next = { id: "next", deps: ["pay"], reads: ["pay"] }
    expect(
      parked("keyed", failures.refused, [{ ...next, requires: ["pay"] }]).refuse({ action: "skip" }),
    ).toBe("dependants_need_output")
    expect(parked("keyed", failures.refused, [next]).refuse({ action: "skip" })).toBeUndefined()
  })

  test("an output beyond the inline limit is refused, nothing is lost", () => {
    const { run, refuse } = parked("keyed", failures.refused)
    expect(refuse({ action: "complete", output: "x".repeat(65 * 1024) })).toBe("output_too_large")
    expect(run.statuses().pay).toBe("parked")
  })
})

describe("refuse()", () => {
  const { refuse, run } = parked("keyed", failures.refused, [{ id: "other" }])
  test.each<[unknown, string]>([
    [undefined, "malformed"],
    ["retry", "malformed"],
    [{ id: "x", action: "retry", actor: "ann", task: 7 }, "malformed"],
    [{ id: "x", action: "retry", actor: "ann", task: "pay", attest: "perhaps" }, "malformed"],
    [{ id: "x", action: "explode", actor: "ann" }, "unknown_action"],
    [{ id: "x", action: "retry", actor: "ann", task: "ghost" }, "unknown_task"],
    [{ id: "x", action: "retry", actor: "ann", task: "other" }, "not_parked"],
    [{ id: "x", action: "skip", actor: "ann" }, "task_required"],
    [{ id: "x", action: "retry", actor: "ann", attest: "not_executed" }, "task_required"],
    [{ id: "x", action: "retry", actor: "ann", task: "pay", expected_version: 99 }, "stale_version"],
  ])("%o is %s", (decision, word) => {
    expect(run.machine.refuse(decision)).toBe(word)
  })

  test("an attestation that contradicts itself is refused", () => {
    const contradiction = { attest: "not_executed", executed_externally: true } as const
    for (const action of ["retry", "skip", "complete"] as const)
      expect(refuse({ action, ...contradiction })).toBe("attestation_contradicts")
    expect(refuse({ action: "retry", executed_externally: true })).toBe("attested_executed")
  })

  test("D4 a refused decision changes nothing and is counted", () => {
    const before = run.statuses()
    run.decide({ action: "retry", task: "other" })
    expect(run.statuses()).toEqual(before)
    expect(run.view()).toMatchObject({ transaction: { ignored_messages: 1 }, decisions: [] })
  })

  test("the version a person saw decides between two concurrent decisions", () => {
    const { version } = run.view().transaction
    run.decide({ action: "retry", task: "pay", expected_version: version })
    expect(refuse({ action: "cancel", expected_version: version })).toBe("stale_version")
  })
})

describe("D1 repeats", () => {
  test("the same id gets the same answer and acts once", () => {
    const { run } = parked("keyed", failures.refused)
    run.decide({ action: "retry", task: "pay", id: "key-1" })
    const first = run.machine.answer("key-1")
    run.fail("pay", failures.refused)
    expect(run.decide({ action: "retry", task: "pay", id: "key-1" })).toEqual([])
    expect(run.machine.answer("key-1")).toEqual(first)
    expect(run.view().decisions).toHaveLength(1)
  })

  test("also across a continue-as-new", () => {
    const { run } = parked("keyed", failures.refused)
    run.decide({ action: "retry", task: "pay", id: "key-1" })
    const first = run.machine.answer("key-1")
    run.fail("pay", failures.refused)
    const next = run.restart()
    next.apply(started)
    expect(next.machine.refuse({ id: "key-1", action: "retry", actor: "ann", task: "pay" })).toBeUndefined()
    expect(next.decide({ action: "retry", task: "pay", id: "key-1" })).toEqual([])
    expect(next.machine.answer("key-1")).toEqual(first)
  })
})

test("a decision's record says what it changed", () => {
  const { run } = parked("keyed", failures.refused)
  run.decide({ action: "complete", task: "pay", evidence: { ticket: 7 } })
  expect(run.view().decisions).toMatchObject([
    {
      decision_id: "d1",
      actor: "ann",
      reason: "test",
      evidence: { ticket: 7 },
      before: {
        version: 1,
        status: "blocked",
        tasks: [{ path: "pay", status: "parked", outcome: "rejected" }],
      },
      after: {
        version: 2,
        status: "success",
        tasks: [{ path: "pay", status: "success", outcome: "overridden" }],
      },
    },
  ])
})
