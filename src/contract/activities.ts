/**
 * The border between the workflow and an activity. An activity's input carries nothing that its
 * `Context.info` has: tenant, transaction, task path, generation and operation are in the ids
 * (`names.ts`), except where an id had to be shortened.
 */
import type { PlanPoll } from "./plan.ts"
import type { Template } from "./tree.ts"
import type { Effect, FailureClass, Outcome } from "./statuses.ts"

export interface CallInput {
  /** Resolved by the engine; its shape belongs to the kind. */
  config: Record<string, unknown>
  /** The task's resolved input. Absent when it is not sent and nothing in `output` or `fail_when` reads it. */
  input?: unknown
  effect: Effect
  /** What was known before this call; absent means `not_started`. Outcomes of attempts are folded onto it. */
  prior?: Outcome
  /** Evaluated in the activity over `{output, input}`: what later tasks can see. Absent: the reply as it is. */
  output?: Template
  /** Evaluated in the activity over `{output, input}`: true turns a successful reply into a refusal. */
  fail_when?: Template
  /** How a target that took the call is asked whether it is done. */
  poll?: PlanPoll
  /** Only when the workflow id had to be shortened. */
  transaction?: string
  /** Only when the activity id had to be shortened. */
  path?: string
}

export interface CallAnswer {
  output: unknown
  /**
   * When the attempt ended, milliseconds since the epoch by its worker's clock. The time of the workflow task
   * that takes an answer will not do: a worker without the run in its cache may take it with a later one.
   */
  ended_at?: number
}

/** First detail of every ApplicationFailure that our activities throw; its `type` is `code`. */
export interface CallFailure {
  class: FailureClass
  /** Already folded onto `prior`. */
  outcome: Outcome
  code: string
  /** As in `CallAnswer`. */
  ended_at?: number
}

/** Heartbeat details. `clean` counts only if `attempt` is the one before the current. */
export interface AttemptMarker {
  attempt: number
  clean: boolean
  memo?: AttemptMemo
}

/** What the target said to one attempt that the later ones of the same call must know. */
export interface AttemptMemo {
  /** The target took the call: from then on it is asked here, and nothing is sent again. */
  poll?: PollMemo
  /** An error that came back, and how many times it was the same. */
  replayed?: { digest: string; times: number }
}

export interface PollMemo {
  url: string
  /** When the target took the call, milliseconds since the epoch. */
  since: number
  /** Nothing was unknown when the call was sent, so that a refusal of this one proves that none ran. */
  only: boolean
}

/** Largest output of one task that travels inline, in bytes of JSON. */
export const MAX_INLINE_OUTPUT_BYTES = 64 * 1024
/** Deepest nesting of such an output: what an expression may hand on (`value_depth` of cel/1). */
export const MAX_INLINE_OUTPUT_DEPTH = 256
