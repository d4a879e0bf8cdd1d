/**
 * What is known of the outside effect after an attempt (design 4.1), as pure functions.
 *
 * F1 `unknown` is cleared only by proof: a success, or a refusal by a target that fences by key.
 * F2 an attempt that was not sent or not run changes nothing that was known.
 * F3 a marker counts only for the attempt right after the one that wrote it.
 */
import type { AttemptMarker, AttemptMemo } from "../contract/activities.ts"
import { assertNever } from "../contract/errors.ts"
import type { Outcome } from "../contract/statuses.ts"
import type { Verdict } from "./call.ts"

export type Finding = Pick<Verdict, "class"> & { left?: "executed" | "unknown"; barrier?: boolean }

/** @param before what was known when the attempt was dispatched. */
export function foldOutcome(before: Outcome, finding: Finding): Outcome {
  switch (finding.class) {
    case "done":
      return "executed"
    case "not_executed":
      return before === "unknown" ? "unknown" : "not_executed"
    case "refused":
      return before === "unknown" && finding.barrier !== true ? "unknown" : "rejected"
    case "unknown":
    case "ongoing":
      return "unknown"
    case "misconfigured":
      return finding.left ?? (before === "not_started" ? "not_executed" : before)
    default:
      return assertNever(finding.class)
  }
}

/** The part of Temporal's activity info that tells a first dispatch from a repeat. */
export interface AttemptInfo {
  readonly attempt: number
  readonly scheduledTimestampMs: number
  readonly currentAttemptScheduledTimestampMs: number
  readonly heartbeatDetails: unknown
}

/**
 * What is known when an attempt begins. On the first dispatch that is `prior`. An activity that was reset
 * starts at attempt 1 again, but not at the time it was first scheduled. After that only the marker of the
 * attempt before proves that nothing ran; the server never clears details, so an older marker proves nothing.
 */
export function outcomeBefore(prior: Outcome | undefined, info: AttemptInfo): Outcome {
  const isFirstDispatch =
    info.attempt === 1 && info.scheduledTimestampMs === info.currentAttemptScheduledTimestampMs
  if (isFirstDispatch) return prior ?? "not_started"
  const marker = findMarker(info.heartbeatDetails)
  return marker?.clean === true && marker.attempt === info.attempt - 1 ? "not_executed" : "unknown"
}

/** `undefined` when the heartbeat details are none of ours. */
export function findMarker(details: unknown): AttemptMarker | undefined {
  if (typeof details !== "object" || details === null) return undefined
  const { attempt, clean, memo, warned } = details as Partial<Record<keyof AttemptMarker, unknown>>
  if (typeof attempt !== "number" || typeof clean !== "boolean") return undefined
  // Only this file's frame writes markers, and an object in one is a memo.
  const kept = typeof memo === "object" && memo !== null ? { memo: memo as AttemptMemo } : {}
  return { attempt, clean, ...kept, ...(warned === true ? { warned } : {}) }
}
