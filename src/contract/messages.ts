/** What travels between the API, the workflow shell and the worker. */
import type { Plan } from "./plan.ts"
import type { ApprovalRequest } from "./rows.ts"
import type { Attestation, DecisionAction, ProposableAction } from "./statuses.ts"

export const TASK_QUEUE = "holdfast"
/**
 * What the task queue of a replay begins with that derives the mirror's rows anew: there a run tells its rows
 * while it replays. Any other replay is silent, since its rows were told before. No worker polls such a queue.
 */
export const REPLAY_FOR_MIRROR = "holdfast-mirror-rebuild"

export const UPDATE_DECIDE = "decide"
/** A call that goes on failing, or takes long, tells its transaction: an `EarlyWarning`. */
export const SIGNAL_EARLY_WARNING = "early_warning"
/** Answers a `View` for a person: a large one without payloads, and of a large flow what needs a look first. */
export const QUERY_STATE = "state"
/** Answers the whole `View`, packed (`packed-json.ts`). */
export const QUERY_ROWS = "rows"
/** Answers a `Snapshot`, packed; a closed `failed` run is resumed from it. */
export const QUERY_SNAPSHOT = "snapshot"
/** What a worker refuses a question with that came together with events that no workflow task has taken yet. */
export const ASKED_TOO_EARLY = "The run went on while the question waited: ask again."

export const SEARCH_ATTRIBUTE_TENANT = "HoldfastTenant"
export const SEARCH_ATTRIBUTE_BUSINESS_KEY = "HoldfastBusinessKey"

export const DEFAULT_TENANT = "default"
/** Tenants are part of workflow ids before the slash. */
export const TENANT_PATTERN = /^[a-z0-9][a-z0-9_-]{0,62}$/

/** A person's decision, as it comes by update or by signal. Checked by the engine, not by a schema. */
export interface Decision {
  /** The `Idempotency-Key` (= update id); for a signal made from run id and position. */
  id: string
  action: DecisionAction
  /** Task path. `retry` without it takes all parked ones; what is about the whole transaction has none. */
  task?: string
  actor: string
  /** Of the actor, for the record. */
  roles?: readonly string[]
  reason?: string
  output?: unknown
  /** With `retry_with_input`: takes the place of the task's own input. */
  input?: unknown
  /** With `extend_deadline`, milliseconds. */
  extend_by_ms?: number
  attest?: Attestation
  executed_externally?: boolean
  evidence?: unknown
  /** The transaction's `version` that the person saw. */
  expected_version?: number
  /** With `propose`: the action that all other members are about. */
  proposed?: ProposableAction
  /** With `approve` and `reject`: the id of the decision that proposed. */
  request?: string
}

/** Said by the activity of a call that is still tried; anybody with a Temporal client may say the same. */
export interface EarlyWarning {
  task: string
  operation: "do" | "undo"
  generation: number
  code: string
  message: string
}

/** What the update answers. The same id gets the same answer. */
export interface DecisionAnswer {
  decision_id: string
  version: number
  status: string
  /** The first 100. */
  tasks: { path: string; status: string }[]
  more_tasks?: number | undefined
  /** Of `propose`: nothing was done yet, it waits for a second person. */
  request?: ApprovalRequest | undefined
}

/**
 * First argument of every workflow run. A large plan is the second argument, deflated; the engine's snapshot, of
 * a continued or resumed run, is the third, packed.
 */
export interface StartInput {
  plan_hash: string
  plan?: Plan
  params: unknown
  tenant: string
  transaction: string
  /** Behaviour changes this run was started with (`flags.ts`). */
  flags: number[]
  thresholds: Thresholds
  /** Set when a person resumes a failed run. */
  resume?: Decision
  /**
   * The last reset run this one descends from. A continued run has its own run id as original one, so without
   * this the mirror would take its rows for those of the run that the reset abandoned.
   */
  reset_run?: string
  /**
   * Only in a replay that derives rows: the run before any reset, which such a replay does not know. The ids of
   * decisions by signal are made from it.
   */
  original_run?: string
}

/** Longest JSON of a plan that travels inside the start input. */
export const MAX_INLINE_PLAN_BYTES = 16 * 1024

/** When a continue-as-new is wanted (`quiet`), and when new starts are held so that one comes (`hold`). */
export interface Thresholds {
  quiet_events: number
  quiet_bytes: number
  hold_events: number
}

export const DEFAULT_THRESHOLDS: Thresholds = {
  quiet_events: 4_000,
  quiet_bytes: 4 * 1024 * 1024,
  hold_events: 10_000,
}

/** Type of the ApplicationFailure with which a refused update is answered; its first detail is the `Refusal`. */
export const REFUSED_FAILURE = "decision_refused"
