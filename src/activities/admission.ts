/**
 * How many calls of one connection are on their way from this process, and how often one begins.
 *
 * L1 calls begin in the order in which they asked. L2 one that gives up leaves the line without a trace.
 * L3 with `per_second` they begin evenly spaced; a process that was late makes up for a tenth of a second at most.
 */
import type { Connection, ConnectionLimits } from "../contract/connections.ts"
import { toError } from "../contract/errors.ts"

/** Ends the call's stay. */
export type Leave = () => void

export interface Admission {
  /** Resolves when the call may begin; rejects with the signal's reason. The limits are those that hold from now on. */
  enter(limits: ConnectionLimits, signal: AbortSignal): Promise<Leave>
}

/** In milliseconds, of one and the same clock. */
export interface Clock {
  now(): number
  /** Calls once, not before that time. */
  callAt(time: number, call: () => void): void
}

const MAX_CATCH_UP_MS = 100

const SYSTEM_CLOCK: Clock = {
  now: () => performance.now(),
  // The calls that wait keep their worker alive, nobody else needs the timer.
  callAt: (time, call) => void setTimeout(call, Math.max(Math.ceil(time - performance.now()), 0)).unref(),
}

export function createAdmission(clock: Clock = SYSTEM_CLOCK): Admission {
  const line = new Set<() => void>()
  let limits: ConnectionLimits = {}
  let inFlight = 0
  /** When the next one may begin. */
  let nextAt = -Infinity
  let wakesAt = Infinity

  const isFull = (): boolean => limits.max_in_flight !== undefined && inFlight >= limits.max_in_flight

  const admit = (): void => {
    for (const begin of line) {
      if (isFull()) return
      const now = clock.now()
      if (limits.per_second !== undefined && nextAt > now) return wakeAt(nextAt)
      if (limits.per_second !== undefined)
        nextAt = Math.max(nextAt, now - MAX_CATCH_UP_MS) + 1_000 / limits.per_second
      line.delete(begin)
      inFlight++
      begin()
    }
  }

  const wakeAt = (time: number): void => {
    if (wakesAt <= time) return
    wakesAt = time
    clock.callAt(time, () => {
      if (wakesAt === time) wakesAt = Infinity
      admit()
    })
  }

  const leave = (): void => {
    inFlight--
    admit()
  }

  return {
    enter(newest, signal) {
      const now = clock.now()
      // Another pace begins now. A time without calls is not made up for.
      if (newest.per_second !== limits.per_second) nextAt = now
      else if (line.size === 0) nextAt = Math.max(nextAt, now)
      limits = newest
      return new Promise((resolve, reject) => {
        const begin = (): void => {
          signal.removeEventListener("abort", giveUp)
          resolve(once(leave))
        }
        const giveUp = (): void => {
          line.delete(begin)
          reject(toError(signal.reason))
        }
        if (signal.aborted) return giveUp()
        signal.addEventListener("abort", giveUp, { once: true })
        line.add(begin)
        return admit()
      })
    },
  }
}

/** One line for each connection, by its name. Calls of one without limits are counted too: it may get some. */
export function createAdmissions(): (connection: Connection, signal: AbortSignal) => Promise<Leave> {
  const lines = new Map<string, Admission>()
  return ({ name, limits = {} }, signal) => {
    const line = lines.get(name) ?? createAdmission()
    lines.set(name, line)
    return line.enter(limits, signal)
  }
}

function once(work: () => void): () => void {
  let isDone = false
  return () => {
    if (isDone) return
    isDone = true
    work()
  }
}
