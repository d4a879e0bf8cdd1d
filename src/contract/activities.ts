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
  /**
   * When the target forgets the call's key, milliseconds since the epoch: from then on a call that may have been made
   * is not sent again. Absent: it never forgets, or has no key.
   */
  repeat_until?: number
  /** Evaluated in the activity over `{output, input}`: what later tasks can see. Absent: the reply as it is. */
  output?: Template
  /** Evaluated in the activity over `{output, input}`: true turns a successful reply into a refusal. */
  fail_when?: Template
  /**
   * Of a probe. Evaluated in the activity over `{output, input}`: whether what it asks about was done. Its answer is a
   * `ProbeAnswer`, and `output` is evaluated only where it was.
   */
  executed_when?: Template
  /** How a target that took the call is asked whether it is done. */
  poll?: PlanPoll
  /** When a call that goes on failing, or takes long, tells its transaction. Absent: never. */
  early_warning?: EarlyWarningRule
  /** Only when the workflow id had to be shortened. */
  transaction?: string
  /** Only when the activity id had to be shortened. */
  path?: string
  /** The run takes a reference in place of an output that is too large to travel. */
  by_reference?: true
  /**
   * Of a compensation that meets its task at one barrier: what is known of the task's effect. Absent: there is no
   * common barrier, and it is a call like any other.
   */
  undoes?: Outcome
  /** Of such a compensation whose task has an output that only the barrier knows. */
  late?: LateConfig
  /** Outputs to be loaded before the call, each into its place in `config` or `input`, which holds null. */
  references?: PlacedReference[]
}

export interface EarlyWarningRule {
  /** Attempts that failed. Absent: the last one is among them, and its failure says more. */
  attempts?: number
  after_ms: number
}

/**
 * A compensation's config that is made where the barrier is: its task's outcome is unknown to the engine, and the
 * barrier may hold the result that got lost.
 */
export interface LateConfig {
  config: Template
  /** Of the task: makes its output of the result. Absent: the result as it is. */
  output?: Template
  /** All names but `output` and `outcome`. */
  scope: Record<string, unknown>
}

/**
 * A large output: its JSON is kept in Postgres, under the transaction and its sha256. That something is a reference
 * is said beside the data, in the members `by_reference` and `references` that only our own code writes, and never in
 * the data: whatever a target replies, and however it looks, stays data.
 */
export interface OutputReference {
  /** Of the JSON in UTF-8, hex. */
  sha256: string
  bytes: number
  type: OutputType
}

/** Nothing else gets that large. */
export const OUTPUT_TYPES = ["object", "list", "string"] as const
export type OutputType = (typeof OUTPUT_TYPES)[number]

export interface PlacedReference extends OutputReference {
  /** From the call's input on: `["config", "body", "lines", 0]`. */
  at: (string | number)[]
}

export interface CallAnswer {
  /** Null when it is kept by reference. */
  output: unknown
  by_reference?: OutputReference
  /**
   * When the attempt ended, milliseconds since the epoch by its worker's clock. The time of the workflow task
   * that takes an answer will not do: a worker without the run in its cache may take it with a later one.
   */
  ended_at?: number
}

/** The output of a probe. */
export type ProbeAnswer = { found: true; output: unknown } | { found: false }

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
  /** The transaction was warned: once is enough. */
  warned?: true
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
/**
 * Largest output that is kept by reference, and the most of them in a call's config, or input, in bytes of JSON: a
 * reply may have 5 MiB, and escapes make it longer.
 */
export const MAX_KEPT_OUTPUT_BYTES = 8 * 1024 * 1024
/** Deepest nesting of such an output: what an expression may hand on (`value_depth` of cel/1). */
export const MAX_INLINE_OUTPUT_DEPTH = 256
