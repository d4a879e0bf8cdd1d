/**
 * The plan: a flow compiled at publish. Every default is written out, names are resolved, expressions are
 * parsed; immutable and addressed by the sha256 of its canonical JSON. The engine has no defaults of its own.
 */
import type { InputField } from "./input-fields.ts"
import type { Effect, EscalationAction, TaskKind } from "./statuses.ts"
import type { Template } from "./tree.ts"

export const PLAN_FORMAT = 1

/** Who hears of exceptions, and when: of a task, or of the flow for the tasks that do not say. */
export interface PlanCare {
  /** Times rise. Empty: nobody is told. */
  escalate?: PlanEscalationStep[]
  /** By when an exception is to be resolved, from its opening. */
  sla_ms?: number
  /** Of calls that go on failing, or take long. False, or absent in the flow: none. */
  early_warning?: PlanEarlyWarning | false
}

/** From the exception's opening on: somebody is told, or something is done. */
export type PlanEscalationStep = { after_ms: number } & ({ notify: string } | { action: EscalationAction })

/** Whichever comes first. */
export interface PlanEarlyWarning {
  /** Attempts that failed. */
  attempts: number
  /** From when the call was handed out first. */
  after_ms: number
}

export interface Plan extends PlanCare {
  format: typeof PLAN_FORMAT
  /** The flow's name, and the workflow type. */
  flow: string
  /** In definition order; a task's position is its id in the engine. */
  tasks: PlanTask[]
  /** How many tasks may run at once. */
  max_parallel: number
  /** Whose its exceptions are, before a person says. */
  team?: string
  /** One failed task stops all others. */
  fail_fast?: boolean
  /** What is executed is undone when the transaction cannot go on. Absent: it never goes backward (design 4.4). */
  backward?: PlanBackward
  /** From the start, or from a resume: then the transaction stops. */
  timeout_ms?: number
  /** Evaluated over `params` by the API, as `business_key` is. */
  labels?: Record<string, Template>
  /** JSON Pointers below `params`: these values are shown to nobody. */
  mask?: string[]
  /** Evaluated over `params` by the API when a transaction is accepted. */
  business_key?: Template
  /** What a start does whose business key is taken. Absent: nothing else than any start. */
  on_duplicate?: "reject" | "return_existing"
  /** The transaction's result. Null when absent. */
  output: Template
  /** Positions of the tasks that `output` reads. */
  output_reads: number[]
}

/** Going backward. Only flows that declare something of it have this. */
export interface PlanBackward {
  /** What a cancel does before the pivot. */
  on_cancel: "stop" | "compensate"
  /** How many compensations may run at once. */
  concurrency: number
  /** How long running attempts have to end before their tasks are undone all the same. */
  drain_ms: number
}

/** What a task, its compensation and its probe have in common: one call of a connector. */
export interface PlanCall {
  kind: TaskKind
  /** Temporal's activity type. */
  type: string
  /** Shown in Temporal's UI; the description, at most 200 bytes. */
  summary?: string
  /** Positions of ancestors whose output is read by `when`, `input` or `config`. */
  reads: number[]
  config: Template
  /** Evaluated first; `config` may read it as `input`. */
  input: Template
  /** What the task's definition declares: the rendered input is converted to it. Absent where it declares nothing. */
  fields?: InputField[]
  /** False when neither the kind nor `output` or `fail_when` uses the input inside the activity. */
  sends_input: boolean
  output?: Template
  fail_when?: Template
  /** Of an HTTP call whose target may answer 202. */
  poll?: PlanPoll
  effect: Effect
  retry: PlanRetry
  timeout: PlanTimeout
}

export interface PlanTask extends PlanCall, PlanCare {
  id: string
  /** Positions of the tasks it depends on, without repeats. */
  deps: number[]
  /** The part of `reads` that has no `coalesce` around it: such an ancestor cannot be skipped. */
  requires: number[]
  /** Evaluated when the task is ready; false skips it. */
  when?: Template
  /** What a skipped task is to those that depend on it: live unless this is said. */
  on_skip?: "prune"
  /** 1 is the most urgent. */
  priority?: number
  on_error: "park" | "fail" | "continue" | "compensate"
  /** Undoes it. `none`: its author says that nothing has to be undone. */
  compensate?: PlanCompensate | "none"
  /** Asks its target what became of a call whose answer is lost. */
  probe?: PlanProbe
  /** Once this may have happened, the transaction goes forward only. */
  irreversible?: true
  /** How long its target remembers a key. Absent: always, or there is none. */
  dedup_ms?: number
  /** Its target fences by the task's key, so that it may be undone while a call is open. */
  fenced?: true
}

/** Its templates may read `output` and `outcome` of the task, and `task.key`: the key of the call that it undoes. */
export interface PlanCompensate extends PlanCall {
  /** Of the task that it undoes: these values must be kept. */
  reads_own: ("input" | "output")[]
}

/**
 * Its templates may read the task's `input` and `task.key`: the key of the call that is asked about. Its `output`
 * stands in for the task's own.
 */
export interface PlanProbe extends PlanCall {
  effect: "read"
  /** Over the reply: whether the effect is there. */
  executed_when: Template
  /** Of the task that it asks about. */
  reads_own: "input"[]
  /** Where it finds nothing, the target refuses the call from then on. */
  fences?: true
}

/**
 * How a target that took a call is asked whether it is done. The templates are evaluated in the activity, over
 * `{output, status, input}`: `url` over the 202, the others over each answer to a poll.
 */
export interface PlanPoll {
  /** Absent: the 202's `Location`. */
  url?: Template
  /** `path`: below the connection's address, as the task's own url. `reference`: the target's word, like a `Location`. */
  url_is?: "path" | "reference"
  interval_ms: number
  /** From the 202 on. Absent: as long as the attempts last. */
  timeout_ms?: number
  done_when?: Template
  fail_when?: Template
}

export interface PlanRetry {
  strategy: "auto" | "manual" | "no_retry"
  /** Counts the first attempt. 1 for `manual` and `no_retry`. */
  max_attempts: number
  interval_ms: number
  backoff: number
  max_interval_ms: number
  /** Bounds the whole call with its retries, beside `timeout.total_ms`: the smaller counts. */
  max_elapsed_ms?: number
  /** Error codes that end the retries at once. */
  non_retryable: string[]
}

export interface PlanTimeout {
  attempt_ms: number
  queue_ms?: number
  total_ms?: number
  heartbeat_ms?: number
}
