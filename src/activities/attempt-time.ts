/** How long an attempt may take, and when the next one may come. All in milliseconds. */

/** Hosts that ask to be left alone for longer are asked again after this. Design 5: Retry-After is clamped. */
export const RETRY_AFTER_CAP_MS = 4 * 60_000

const MIN_MARGIN_MS = 50
const MAX_MARGIN_MS = 1_000
/** Where Temporal states no limit. */
const DEFAULT_ATTEMPT_MS = 30_000
/** Node's timers, and the timeouts of databases, hold 24 days; what is longer would be over at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1

/**
 * The attempt ends itself a little before Temporal's start-to-close timeout, so that what it knows arrives: a
 * tenth of the timeout, at least 50 ms and at most one second. It never lasts longer than a timer can.
 */
export function attemptBudgetMs(startToCloseTimeoutMs: number): number {
  const stated = startToCloseTimeoutMs > 0 ? startToCloseTimeoutMs : DEFAULT_ATTEMPT_MS
  const limit = Math.min(stated, LONGEST_TIMER_MS)
  const margin = Math.min(Math.max(limit / 10, MIN_MARGIN_MS), MAX_MARGIN_MS)
  return Math.max(Math.floor(limit - margin), 1)
}

/** Undefined for "at once": Temporal takes a delay of zero for no retry at all, and the flow's own interval will do. */
export function clampRetryAfterMs(ms: number): number | undefined {
  const wanted = Math.round(ms)
  return wanted <= 0 ? undefined : Math.min(wanted, RETRY_AFTER_CAP_MS)
}
