/** A failed attempt as Temporal carries it (design 2 and 4.1). */
import { ApplicationFailure } from "@temporalio/common"
import type { CallFailure, CallInput } from "../contract/activities.ts"
import type { Outcome } from "../contract/statuses.ts"
import { cutText } from "./attempt-row.ts"
import { clampRetryAfterMs } from "./attempt-time.ts"
import type { Failed } from "./call.ts"

const MAX_MESSAGE = 1_000

export type Ending = Pick<Failed, "class" | "code" | "message" | "next" | "retryAfterMs"> & {
  outcome: Outcome
  /** Milliseconds since the epoch. */
  endedAt?: number
}

/**
 * `type` is the code, the first detail a `CallFailure`. The wish of the target (`Retry-After`) becomes the
 * next retry's delay. Which codes of the flow's own end the retries, the server knows from the retry policy.
 */
export function toApplicationFailure(ending: Ending, rules: Pick<CallInput, "effect">): ApplicationFailure {
  const failure: CallFailure = {
    class: ending.class === "ongoing" ? "unknown" : ending.class,
    outcome: ending.outcome,
    code: ending.code,
    ...(ending.endedAt === undefined ? {} : { ended_at: ending.endedAt }),
  }
  const nonRetryable = mustNotRepeat(failure, ending.next, rules)
  const delay =
    ending.retryAfterMs === undefined || nonRetryable ? undefined : clampRetryAfterMs(ending.retryAfterMs)
  return ApplicationFailure.create({
    type: failure.code,
    message: cutText(ending.message, MAX_MESSAGE),
    details: [failure],
    nonRetryable,
    ...(delay === undefined ? {} : { nextRetryDelay: delay }),
  })
}

/** An unsafe call gets a next attempt only after it is proven that this one did not run, or where that sends nothing. */
function mustNotRepeat(
  failure: CallFailure,
  next: Ending["next"],
  { effect }: Pick<CallInput, "effect">,
): boolean {
  if (failure.class === "refused" || failure.class === "misconfigured" || next === "none") return true
  return effect === "unsafe" && failure.outcome !== "not_executed" && next !== "poll"
}
