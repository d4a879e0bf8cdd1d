import { describe, expect, test } from "vitest"
import type { ExceptionRow, TaskRow } from "../../contract/rows.ts"
import { isLooseTime } from "./loose-times.ts"

const task: TaskRow = {
  index: 0,
  path: "pay",
  generation: 1,
  status: "parked",
  outcome: "unknown",
  compensation: "none",
  reason: null,
  input: null,
  output: null,
  output_dropped: false,
  error: { code: "HTTP_500", class: "unknown", message: "?" },
  started_at: 1,
  ended_at: 2,
}
const exception: ExceptionRow = {
  task: "pay",
  operation: "do",
  generation: 1,
  kind: "unknown_outcome",
  severity: "error",
  state: "resolved",
  code: "HTTP_500",
  message: "?",
  outcome: "unknown",
  occurrence: 1,
  retry_safe: true,
  retry_safe_reason: "",
  suggested_actions: [],
  occurred_at: 1,
  resolved_at: 2,
  resolved_by: "decision-1",
}
const timedOut = {
  ...task,
  error: { code: "timeout_start_to_close", class: "unknown" as const, message: "?" },
}

describe("isLooseTime()", () => {
  test("a connector's word and a decision by update have exact times", () => {
    expect(isLooseTime(task, "ended_at", [exception])).toBe(false)
    expect(isLooseTime(exception, "resolved_at", [exception])).toBe(false)
  })

  test("a call that Temporal ended has a rough end, and only that", () => {
    expect(isLooseTime(timedOut, "ended_at", [])).toBe(true)
    expect(isLooseTime(timedOut, "started_at", [])).toBe(false)
    expect(isLooseTime(timedOut, "status", [])).toBe(false)
    expect(isLooseTime({ ...exception, code: "timeout_heartbeat" }, "occurred_at", [])).toBe(true)
  })

  test("what a signal decided has a rough end", () => {
    const bySignal = { ...exception, resolved_by: "signal:run:1" }
    expect(isLooseTime(bySignal, "resolved_at", [])).toBe(true)
    expect(isLooseTime({ ...task, status: "skipped", error: null }, "ended_at", [bySignal])).toBe(true)
    expect(isLooseTime({ ...task, path: "other" }, "ended_at", [bySignal])).toBe(false)
  })
})
