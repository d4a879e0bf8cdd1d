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

/** @param phase is changed. @param now in milliseconds since the epoch. */
export function nextStep(pace: BulkPace, phase: BulkPhase, progress: BulkProgress, now: number): BulkStep {
  const { pending, sent, recent } = progress
  if (pending === 0 && sent === 0) return { kind: "done", reason: null }
  const sample = Math.max(recent.settled, Math.min(LEAST_SAMPLE, pace.canary || LEAST_SAMPLE))
  if (pending > 0 && recent.failed > pace.stop_above * sample)
    return { kind: "stop", reason: `of the last ${recent.settled} results ${recent.failed} were failures` }
  if (phase.in_canary && recent.settled >= pace.canary) endCanary(phase)
  if (phase.in_canary) {
    const missing = Math.min(pace.canary - recent.settled - sent, pending)
    return missing > 0
      ? send(phase, { limit: missing, after_ms: 0, next_at: now })
      : awaitResults(pace, phase, progress, now)
  }
  const room = Math.max(LEAST_ROOM, Math.ceil(pace.velocity * ROOM_SECONDS)) - sent
  if (pending === 0 || room <= 0) return awaitResults(pace, phase, progress, now)
  const limit = Math.min(Math.ceil(pace.velocity), room, pending)
  const startsAt = Math.max(now, phase.next_at)
  const next_at = startsAt + (limit * 1_000) / pace.velocity
  return send(phase, { limit, after_ms: startsAt - now, next_at })
}

function endCanary(phase: BulkPhase): void {
  phase.in_canary = false
  phase.settle_by = null
}

function send(
  phase: BulkPhase,
  { limit, after_ms, next_at }: { limit: number; after_ms: number; next_at: number },
): BulkStep {
  phase.next_at = next_at
  phase.settle_by = null
  phase.poll_ms = POLL_MS
  return { kind: "advance", after_ms, limit }
}

function awaitResults(
  { settle_ms }: BulkPace,
  phase: BulkPhase,
  { pending, sent }: BulkProgress,
  now: number,
): BulkStep {
  phase.settle_by ??= now + settle_ms
  if (now >= phase.settle_by) {
    const reason = `${sent} of the decisions have not led to a result within ${settle_ms / 1_000} s`
    return pending > 0 ? { kind: "stop", reason } : { kind: "done", reason }
  }
  const after_ms = Math.min(phase.poll_ms, phase.settle_by - now)
  phase.poll_ms = Math.min(phase.poll_ms * 1.5, LONGEST_POLL_MS)
  return { kind: "advance", after_ms, limit: 0 }
}
