/** A target forgets a key: then a plain retry of what may have happened is no longer safe (design 4.6). */
import { describe, expect, test } from "vitest"
import { drive, failures, planOf } from "./driver.testsuite.ts"

const started = { kind: "started" } as const
const HOUR = 3_600_000
const retry = { action: "retry", task: "pay", id: "r", actor: "ann", reason: "again" } as const

/** Sent at 1,010 ms, its outcome unknown. */
function unknown(more = {}) {
  const run = drive(planOf([{ id: "pay", dedup_ms: 24 * HOUR }]), more)
  run.apply(started)
  run.fail("pay", failures.unknown)
  return run
}

describe("the dedup window", () => {
  test("within it a retry is safe, and says until when", () => {
    const run = unknown()
    expect(run.view().exceptions[0]).toMatchObject({
      retry_safe: true,
      retry_safe_until: 1_010 + 24 * HOUR,
      retry_safe_reason:
        "The target remembers the key for 24 h, until 1970-01-02T00:00:01.010Z: a repeat changes nothing more.",
    })
    // Nobody may go on with an outcome that nobody knows, however safe a retry is.
    expect(run.view().exceptions[0]?.suggested_actions).toEqual([
      "retry",
      "complete with attest executed",
      "skip with attest",
    ])
    run.at(20 * HOUR)
    run.decide(retry)
    expect(run.openTasks()).toEqual(["pay"])
  })

  test.each([
    [1_500, "1.5 s"],
    [90_000, "1.5 min"],
    [24 * HOUR, "24 h"],
  ])("of %i ms is told as %s", (dedup_ms, told) => {
    const run = drive(planOf([{ id: "pay", dedup_ms }]))
    run.apply(started)
    run.fail("pay", failures.unknown)
    expect(run.view().exceptions[0]?.retry_safe_reason).toContain(` for ${told}, `)
  })

  test("after it a retry is refused with the reason, also where nothing has happened since", () => {
    const run = unknown()
    expect(run.machine.refuse(retry, 25 * HOUR)).toBe("outside_dedup_window")
    run.at(25 * HOUR)
    expect(run.decide(retry)).not.toContainEqual(expect.objectContaining({ kind: "call" }))
    expect(run.machine.refuse({ ...retry, task: undefined }, 25 * HOUR)).toBe("nothing_retryable")
    expect(run.machine.refuse({ ...retry, attest: "not_executed" }, 25 * HOUR)).toBeUndefined()
    const complete = { ...retry, action: "complete", attest: "executed", output: 1 } as const
    expect(run.machine.refuse(complete, 25 * HOUR)).toBeUndefined()
  })

  test("is counted from the first time it was sent, not from the last", () => {
    const run = unknown()
    run.at(20 * HOUR)
    run.decide(retry)
    run.fail("pay", failures.unknown)
    expect(run.view().exceptions[0]).toMatchObject({ retry_safe_until: 1_010 + 24 * HOUR })
    expect(run.machine.refuse({ ...retry, id: "r2" }, 25 * HOUR)).toBe("outside_dedup_window")
  })

  test("begins anew with another input, which has a key of its own, also over a continue-as-new", () => {
    const run = unknown()
    run.at(20 * HOUR)
    run.decide({ ...retry, action: "retry_with_input", attest: "not_executed", input: { amount: 2 } })
    run.fail("pay@2", failures.unknown)
    expect(run.view().exceptions[0]).toMatchObject({ retry_safe_until: 20 * HOUR + 10 + 24 * HOUR })
    const next = run.restart()
    next.apply(started)
    expect(next.machine.refuse({ ...retry, id: "r2" }, 40 * HOUR)).toBeUndefined()
    expect(next.machine.refuse({ ...retry, id: "r2" }, 45 * HOUR)).toBe("outside_dedup_window")
  })

  test("goes with each call, so that no attempt of it comes later either", () => {
    const run = drive(planOf([{ id: "pay", dedup_ms: 24 * HOUR }, { id: "mail" }]))
    run.apply(started)
    expect(run.callOf("pay").input.repeat_until).toBe(1_010 + 24 * HOUR)
    expect(run.callOf("mail").input).not.toHaveProperty("repeat_until")
    run.fail("pay", failures.unknown)
    run.at(20 * HOUR)
    run.decide({ action: "pause" })
    run.decide(retry)
    run.at(30 * HOUR)
    run.decide({ action: "resume" })
    expect(run.callOf("pay").input).toMatchObject({ prior: "unknown", repeat_until: 1_010 + 24 * HOUR })
  })

  test("is of no matter where it is known that nothing ran", () => {
    const run = drive(planOf([{ id: "pay", dedup_ms: HOUR }]))
    run.apply(started)
    run.fail("pay", failures.notExecuted)
    expect(run.view().exceptions[0]?.retry_safe_until).toBeUndefined()
    expect(run.machine.refuse(retry, 2 * HOUR)).toBeUndefined()
  })
})
