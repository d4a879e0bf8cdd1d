/** What the shell tells the engine. Clock and history size come with every event: the engine has neither. */
import type { OutputReference } from "../contract/activities.ts"
import type { TimerPurpose } from "./commands.ts"
import type { Decision, EarlyWarning } from "../contract/messages.ts"
import type { FailureClass, Outcome } from "../contract/statuses.ts"

export interface EventStamp {
  /** The workflow's clock when the event was taken, milliseconds since the epoch. */
  at: number
  history_events: number
  history_bytes: number
}

/**
 * How a call ended without an answer. `reported`: a connector said so and its details hold. All others come
 * from Temporal and carry no details of ours.
 */
export type FailureCause =
  | "reported"
  | "schedule_to_start"
  | "start_to_close"
  | "schedule_to_close"
  | "heartbeat"
  | "cancelled"
  | "lost"

export interface CallFailed {
  cause: FailureCause
  message: string
  /** The three below only when `reported`. */
  class?: FailureClass
  outcome?: Outcome
  code?: string
  /** See `CallAnswer`. */
  ended_at?: number
}

export interface CallDone {
  output: unknown
  /** The output is kept elsewhere: then `output` is null. */
  by_reference?: OutputReference
}

export type EventBody =
  /** The main function runs. Messages may have come before. */
  | { kind: "started" }
  | ({ kind: "done"; token: number; ended_at?: number } & CallDone)
  | { kind: "failed"; token: number; failure: CallFailed }
  | { kind: "decision"; decision: Decision }
  /** The time that the last `timer` command asked for has come. */
  | { kind: "timer"; of: TimerPurpose }
  /** A call that is open goes on failing, or takes long. */
  | { kind: "warning"; warning: EarlyWarning }
  /** Temporal's own cancel request. */
  | { kind: "cancel" }
  /** A message that is none of ours or could not be read. */
  | { kind: "ignored"; what: string }

export type EngineEvent = EventStamp & EventBody
