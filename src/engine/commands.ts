/** What the shell must do, in the order given. */
import type { CallInput } from "../contract/activities.ts"
import type { PlanTimeout } from "../contract/plan.ts"
import type { EndStatus } from "../contract/statuses.ts"

export interface CallCommand {
  kind: "call"
  /** Comes back with the answer; an answer whose token is not the task's current one changes nothing. */
  token: number
  activity_id: string
  activity_type: string
  summary?: string
  input: CallInput
  retry: CallRetry
  timeout: PlanTimeout
  priority?: number
  /** It undoes something: `cancel_forward` does not concern it. */
  backward?: true
}

export interface CallRetry {
  max_attempts: number
  interval_ms: number
  backoff: number
  max_interval_ms: number
  /** Failure types (our codes, and Temporal's own) after which no next attempt is made. */
  non_retryable: string[]
}

export type TimerPurpose = "deadline" | "drain" | "approval" | "escalation"

export type Command =
  | CallCommand
  /** Tell when this time has come, milliseconds since the epoch. A later one takes its place. */
  | { kind: "timer"; at: number; of: TimerPurpose }
  /** Ask every running forward call to stop; each still answers. */
  | { kind: "cancel_forward" }
  /** The same of those that undo something. */
  | { kind: "cancel_backward" }
  /** Markdown for a person who reads the run in Temporal's UI. */
  | { kind: "details"; text: string }
  /** A wish: the shell grants it when no handler is open and the machine is still quiet. */
  | { kind: "continue_as_new" }
  | { kind: "finish"; status: EndStatus; output: unknown }
