/** A task's retries and timeouts with their defaults written out. */
import type { PlanRetry, PlanTimeout } from "../contract/plan.ts"
import { pointerTo } from "./problem.ts"
import type { Fields, Place } from "./read-object.ts"
import type { RetrySchema, TimeoutSchema } from "./schema/task.ts"

/** For tasks that do not say. */
export type RetryDefaults = Pick<PlanRetry, "max_attempts" | "interval_ms" | "backoff" | "max_interval_ms">

export const RETRY_DEFAULTS: RetryDefaults = {
  max_attempts: 5,
  interval_ms: 1_000,
  backoff: 2,
  max_interval_ms: 60_000,
}
const ATTEMPT_TIMEOUT_MS = 30_000
const LONG_ATTEMPT_MS = 120_000
const HEARTBEAT_TIMEOUT_MS = 60_000

/** Reports an interval above its cap, which Temporal would refuse. Without a cap of its own a longer interval is one. */
export function compileRetry(
  written: Fields<typeof RetrySchema> = {},
  place: Place & { retryDefaults: RetryDefaults },
): PlanRetry {
  const defaults = place.retryDefaults
  const strategy = written.strategy ?? "auto"
  const interval = written.interval ?? defaults.interval_ms
  const cap = written.max_interval ?? Math.max(defaults.max_interval_ms, interval)
  if (cap < interval) {
    const given = written.interval === undefined ? "the default interval" : "interval"
    place.report({
      pointer: pointerTo(place.pointer, "retry", "max_interval"),
      code: "out_of_range",
      message: `max_interval (${cap} ms) is shorter than ${given} (${interval} ms)`,
    })
  }
  const retry: PlanRetry = {
    strategy,
    max_attempts: strategy === "auto" ? (written.max_attempts ?? defaults.max_attempts) : 1,
    interval_ms: interval,
    backoff: written.backoff ?? defaults.backoff,
    max_interval_ms: cap,
    non_retryable: written.non_retryable ?? [],
  }
  if (written.max_elapsed !== undefined) retry.max_elapsed_ms = written.max_elapsed
  return retry
}

/**
 * A worker that is gone, or a call that Temporal handed out and no worker got, shows by its missing heartbeats. A
 * short attempt's own timeout comes as soon.
 */
export function compileTimeout(written: Fields<typeof TimeoutSchema> = {}): PlanTimeout {
  const timeout: PlanTimeout = { attempt_ms: written.attempt ?? ATTEMPT_TIMEOUT_MS }
  if (timeout.attempt_ms > LONG_ATTEMPT_MS) timeout.heartbeat_ms = HEARTBEAT_TIMEOUT_MS
  if (written.queue !== undefined) timeout.queue_ms = written.queue
  if (written.total !== undefined) timeout.total_ms = written.total
  if (written.heartbeat !== undefined) timeout.heartbeat_ms = written.heartbeat
  return timeout
}
