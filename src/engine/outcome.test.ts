import { describe, expect, test } from "vitest"
import type { Effect, Outcome } from "../contract/statuses.ts"
import { planOf } from "./driver.testsuite.ts"
import type { FailureCause } from "./events.ts"
import { judgeFailure } from "./outcome.ts"

function judge(
  effect: Effect,
  maxAttempts: number,
  prior: Outcome,
  cause: Exclude<FailureCause, "reported">,
) {
  const plan = planOf([{ id: "pay", effect }])
  const [task] = plan.tasks
  if (!task) throw new Error("no task")
  const call = { ...task, retry: { ...task.retry, max_attempts: maxAttempts } }
  return judgeFailure(call, { prior, asks: true }, { cause, message: "m" })
}

describe("judgeFailure()", () => {
  test.each<[Effect, number, Outcome, Exclude<FailureCause, "reported">, Outcome]>([
    ["unsafe", 5, "not_started", "schedule_to_start", "not_executed"],
    ["unsafe", 5, "unknown", "schedule_to_start", "unknown"],
    ["keyed", 1, "not_started", "schedule_to_start", "not_executed"],
    ["keyed", 5, "not_started", "schedule_to_start", "unknown"],
    ["keyed", 5, "not_started", "start_to_close", "unknown"],
    ["unsafe", 1, "not_started", "schedule_to_close", "unknown"],
    ["unsafe", 1, "not_started", "heartbeat", "unknown"],
    ["unsafe", 1, "not_started", "cancelled", "unknown"],
    ["unsafe", 1, "not_executed", "lost", "unknown"],
  ])("%s with %i attempts, %s before, ends by %s: %s", (effect, attempts, prior, cause, outcome) => {
    expect(judge(effect, attempts, prior, cause).outcome).toBe(outcome)
  })

  test("a later attempt of an unsafe call may ask about one that was taken: that none started in time proves nothing", () => {
    const poll = {
      url: { $: "output" },
      done_when: true,
      interval_ms: 1_000,
      max_ms: 60_000,
    } as never
    const [task] = planOf([{ id: "pay", effect: "unsafe", poll }]).tasks
    if (!task) throw new Error("no task")
    const late = { cause: "schedule_to_start", message: "no worker" } as const
    const judged = (call: typeof task, asks: boolean) =>
      judgeFailure(call, { prior: "not_started", asks }, late).outcome
    expect(judged(task, true)).toBe("unknown")
    expect(judged({ ...task, retry: { ...task.retry, max_attempts: 1 } }, true)).toBe("not_executed")
    // As runs have it that began before the flag.
    expect(judged(task, false)).toBe("not_executed")
  })

  test("takes a connector's word", () => {
    const [task] = planOf([{ id: "pay" }]).tasks
    if (!task) throw new Error("no task")
    const judged = judgeFailure(
      task,
      { prior: "unknown", asks: true },
      {
        cause: "reported",
        class: "refused",
        outcome: "unknown",
        code: "HTTP_422",
        message: "no",
      },
    )
    expect(judged).toEqual({ class: "refused", outcome: "unknown", code: "HTTP_422", message: "no" })
  })

  test("a foreign worker that reports half of it has said nothing", () => {
    const [task] = planOf([{ id: "pay" }]).tasks
    if (!task) throw new Error("no task")
    const reported = { cause: "reported", message: "no" } as const
    expect(judgeFailure(task, { prior: "not_started", asks: true }, reported)).toMatchObject({
      class: "unknown",
      outcome: "unknown",
    })
  })
})
