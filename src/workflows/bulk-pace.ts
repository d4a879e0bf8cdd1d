/** When a bulk job does what: pure, so that its rules can be tried without waiting. */
import type { BulkPace, BulkPhase, BulkProgress } from "../contract/bulk.ts"

export type BulkStep =
  | { kind: "advance"; after_ms: number; limit: number }
  | { kind: "stop"; reason: string }
  | { kind: "done"; reason: string | null }

const POLL_MS = 250
const LONGEST_POLL_MS = 5_000
/** Fewer results say nothing about the rest, unless the canary is smaller. */
const LEAST_SAMPLE = 5
/** So many decisions may be without a result, or those of ten seconds: a target that hangs is not flooded. */
const LEAST_ROOM = 50
const ROOM_SECONDS = 10

export function newPhase(pace: BulkPace): BulkPhase {
  return { in_canary: pace.canary > 0, next_at: 0, settle_by: null, poll_ms: POLL_MS }
}

/** Nothing was asked while it was paused: results may have come, but what is stuck has not had its time. */
export function skipPause(phase: BulkPhase, pausedMs: number): void {
  if (phase.stuck_at !== undefined && phase.settle_by !== null) phase.settle_by += pausedMs
}

/** @param phase is changed. @param now in milliseconds since the epoch. */
export function nextStep(pace: BulkPace, phase: BulkPhase, progress: BulkProgress, now: number): BulkStep {
  const { pending, sent, recent } = progress
  const stuck = isStuck(phase, progress)
  if (pending === 0 && sent === 0) return { kind: "done", reason: null }
  const sample = Math.max(recent.settled, Math.min(LEAST_SAMPLE, pace.canary || LEAST_SAMPLE))
  // A canary is judged as a whole.
  const isJudged = !phase.in_canary || recent.sent === 0
  if (pending > 0 && isJudged && recent.failed > pace.stop_above * sample)
    return { kind: "stop", reason: `of the last ${recent.settled} results ${recent.failed} were failures` }
  if (phase.in_canary && recent.settled >= pace.canary) {
    phase.in_canary = false
    phase.settle_by = null
  }
  const room = phase.in_canary
    ? pace.canary - recent.settled - recent.sent
    : Math.max(LEAST_ROOM, Math.ceil(pace.velocity * ROOM_SECONDS)) - recent.sent
  const limit = Math.min(Math.ceil(pace.velocity), room, pending)
  if (stuck) return awaitResults(pace, phase, { ...progress, stuck, limit: Math.max(limit, 0) }, now)
  if (limit <= 0) return awaitResults(pace, phase, { ...progress, limit: 0 }, now)
  const startsAt = Math.max(now, phase.next_at)
  phase.next_at = startsAt + (limit * 1_000) / pace.velocity
  phase.settle_by = null
  phase.poll_ms = POLL_MS
  return { kind: "advance", after_ms: startsAt - now, limit }
}

/**
 * A run that goes on, after a pause or as a new one, begins with a look in which nothing can be stuck: only one more
 * that was asked ends it. Answers that do not say how many were are of runs in which any look ended it.
 */
function isStuck(phase: BulkPhase, { stuck, asked }: BulkProgress): boolean {
  if (stuck) phase.stuck_at = asked
  else if (phase.stuck_at !== asked) phase.stuck_at = undefined
  return stuck || phase.stuck_at !== undefined
}

/** @param limit what is sent all the same: what could not be asked is tried again. */
function awaitResults(
  { settle_ms }: BulkPace,
  phase: BulkPhase,
  { pending, sent, stuck, limit }: BulkProgress & { limit: number },
  now: number,
): BulkStep {
  phase.settle_by ??= now + settle_ms
  if (now >= phase.settle_by) {
    const reason = stuck
      ? `nothing more could be decided for ${settle_ms / 1_000} s: Temporal, or the next transactions, do not answer`
      : `${sent} of the decisions have not led to a result within ${settle_ms / 1_000} s`
    return pending > 0 ? { kind: "stop", reason } : { kind: "done", reason }
  }
  const after_ms = Math.min(phase.poll_ms, phase.settle_by - now)
  phase.poll_ms = Math.min(phase.poll_ms * 1.5, LONGEST_POLL_MS)
  return { kind: "advance", after_ms, limit }
}
