/**
 * Tells the transaction of a call that goes on failing, or takes long (design 4.5): Temporal retries it, so the
 * workflow does not see it. Once for a call; what goes wrong with it is logged, and no attempt waits for it.
 */
import type { AttemptMarker, EarlyWarningRule } from "../contract/activities.ts"
import { toError } from "../contract/errors.ts"
import type { EarlyWarning } from "../contract/messages.ts"
import { LONGEST_TIMER_MS } from "./attempt-time.ts"
import type { Verdict } from "./call.ts"
import type { CallIdentity } from "./identity.ts"

/** Sends it to the run that the call belongs to. */
export type SendWarning = (warning: EarlyWarning) => Promise<void>

export interface WarningWatch {
  /** What every heartbeat of the attempt says from then on, so that the next one does not warn again. */
  mark(marker: AttemptMarker | undefined): AttemptMarker | undefined
  /** The attempt failed, and another one may follow. Whether it was told now. */
  tellFailure(failure: { class: Verdict["class"]; code: string; message: string }): boolean
  stop(): void
}

export interface WarningWatchOptions {
  rule: EarlyWarningRule | undefined
  identity: CallIdentity
  /** When the call was handed out first, milliseconds. */
  since: number
  /** Of an earlier attempt. */
  warned: boolean
  send: SendWarning | undefined
  onError: (error: Error) => void
}

/** An attempt that has just begun is no news, however old its call is. */
const LEAST_ATTEMPT_MS = 10_000

const SILENT: WarningWatch = { mark: (marker) => marker, tellFailure: () => false, stop: () => {} }

export function watchForWarning(options: WarningWatchOptions): WarningWatch {
  const { rule, identity, since, send, onError } = options
  const { attempt, operation } = identity
  if (rule === undefined || send === undefined || operation === "probe") return SILENT
  let told = options.warned
  const tell = (said: { code: string; message: string }) => {
    told = true
    const { task, generation } = identity
    // It is a courtesy: the call itself goes on, whatever becomes of it.
    void send({ task, operation, generation, ...said }).catch((thrown: unknown) => onError(toError(thrown)))
  }
  const tellSlow = () => {
    const message = `attempt ${attempt} is under way, and the call is open for more than ${rule.after_ms / 1000} s`
    tell({ code: "slow_call", message })
  }
  // After an outage every call is old, and most are done in a moment.
  const leftMs = Math.max(since + rule.after_ms - Date.now(), Math.min(rule.after_ms, LEAST_ATTEMPT_MS))
  const timer = told || leftMs > LONGEST_TIMER_MS ? undefined : setTimeout(tellSlow, leftMs)
  return {
    mark: (marker) => (told ? { attempt, clean: false, ...marker, warned: true } : marker),
    tellFailure({ class: kind, code, message }) {
      // Who works on the call has not failed.
      const isRepeated = kind !== "ongoing" && rule.attempts !== undefined && attempt >= rule.attempts
      if (told || (!isRepeated && Date.now() < since + rule.after_ms)) return false
      const how = kind === "ongoing" ? "found it still at work" : "failed"
      tell({ code, message: `attempt ${attempt} ${how}, the next one follows: ${message}` })
      return true
    },
    stop: () => clearTimeout(timer),
  }
}
