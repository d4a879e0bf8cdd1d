/** What Temporal says of a call that ended badly, as the engine's event. */
import { ActivityFailure, ApplicationFailure, CancelledFailure, TimeoutFailure } from "@temporalio/workflow"
import type { CallFailure } from "../contract/activities.ts"
import { ATTEMPT_CLASSES, OUTCOMES } from "../contract/statuses.ts"
import type { CallFailed, FailureCause } from "../engine/events.ts"

const CAUSE_OF_TIMEOUT: Record<string, FailureCause> = {
  SCHEDULE_TO_START: "schedule_to_start",
  START_TO_CLOSE: "start_to_close",
  SCHEDULE_TO_CLOSE: "schedule_to_close",
  HEARTBEAT: "heartbeat",
}

export function toCallFailed(thrown: unknown): CallFailed {
  if (thrown instanceof CancelledFailure) return { cause: "cancelled", message: "The call was cancelled." }
  if (!(thrown instanceof ActivityFailure)) return { cause: "lost", message: messageOf(thrown) }
  const { cause } = thrown
  if (cause instanceof CancelledFailure) return { cause: "cancelled", message: "The call was cancelled." }
  if (cause instanceof TimeoutFailure)
    return { cause: CAUSE_OF_TIMEOUT[cause.timeoutType ?? ""] ?? "lost", message: describeTimeout(cause) }
  const reported = cause instanceof ApplicationFailure ? cause.details?.[0] : undefined
  if (isCallFailure(reported)) {
    const { class: attemptClass, outcome, code, ended_at } = reported
    const known = {
      class: attemptClass,
      outcome,
      code,
      ...(typeof ended_at === "number" ? { ended_at } : {}),
    }
    return { cause: "reported", message: messageOf(cause), ...known }
  }
  return { cause: "lost", message: messageOf(cause ?? thrown) }
}

function describeTimeout(failure: TimeoutFailure): string {
  const last = failure.cause ? ` The last attempt said: ${failure.cause.message}` : ""
  const which = (failure.timeoutType ?? "own").toLowerCase().replaceAll("_", "-")
  return `Temporal's ${which} timeout ended the call.${last}`
}

function isCallFailure(value: unknown): value is CallFailure {
  if (typeof value !== "object" || value === null) return false
  const { class: attemptClass, outcome, code } = value as Partial<Record<keyof CallFailure, unknown>>
  return (
    (ATTEMPT_CLASSES as readonly unknown[]).includes(attemptClass) &&
    (OUTCOMES as readonly unknown[]).includes(outcome) &&
    typeof code === "string"
  )
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
