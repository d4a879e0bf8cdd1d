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
  return judgeFailure({ ...task, retry: { ...task.retry, max_attempts: maxAttempts } }, prior, {
    cause,
    message: "m",
  })
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

  test("takes a connector's word", () => {
    const [task] = planOf([{ id: "pay" }]).tasks
    if (!task) throw new Error("no task")
    const judged = judgeFailure(task, "unknown", {
      cause: "reported",
      class: "refused",
      outcome: "unknown",
      code: "HTTP_422",
      message: "no",
    })
    expect(judged).toEqual({ class: "refused", outcome: "unknown", code: "HTTP_422", message: "no" })
  })

  test("a foreign worker that reports half of it has said nothing", () => {
    const [task] = planOf([{ id: "pay" }]).tasks
    if (!task) throw new Error("no task")
    expect(judgeFailure(task, "not_started", { cause: "reported", message: "no" })).toMatchObject({
      class: "unknown",
      outcome: "unknown",
    })
  })
})
