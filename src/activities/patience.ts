/**
 * What comes before a call, while our own Postgres is away. Its target may be well, so a task must not spend all its
 * attempts within a second, and its transaction go back for it: the attempt waits. Not for all of its time, since a
 * call that is cut leaves its outcome unknown, nor for long, since it holds a place that others could use.
 */
import { toError } from "../contract/errors.ts"
import { abortable } from "./abortable.ts"
import { AttemptAborted } from "./call.ts"

const MOST_MS = 30_000
const PAUSE_MS = 250

export interface Patience {
  /** Aborts with the attempt, whose reason is an `AttemptAborted`, or when what comes before it took too long. */
  signal: AbortSignal
  stop(): void
}

/** Half of what is left of the attempt, and half a minute at most. */
export function startPatience(attempt: { signal: AbortSignal; leftMs: () => number }): Patience {
  const controller = new AbortController()
  const ms = Math.min(attempt.leftMs() / 2, MOST_MS)
  const timer = setTimeout(() => controller.abort(new Error(`no answer within ${Math.round(ms)} ms`)), ms)
  return {
    signal: AbortSignal.any([attempt.signal, controller.signal]),
    stop: () => clearTimeout(timer),
  }
}

/** Tries until it succeeds. @throws the last error when the signal aborts, or the attempt's own reason. */
export async function patiently<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  let last: Error | undefined
  while (!signal.aborted) {
    try {
      return await abortable(work(), signal)
    } catch (thrown) {
      if (!signal.aborted) last = toError(thrown)
    }
    await abortable(new Promise((resolve) => setTimeout(resolve, PAUSE_MS)), signal).catch(() => undefined)
  }
  const reason = toError(signal.reason)
  throw reason instanceof AttemptAborted ? reason : (last ?? reason)
}
