/**
 * What the engine tells the mirror. The same row function makes these for the dirty rows of an activation,
 * for all rows after a replay and for the `state` query, so that the mirror can be compared field by field.
 * Times are milliseconds since the epoch (the workflow's own clock).
 */
import type { Operation } from "./names.ts"
import type {
  Attestation,
  CompensationStatus,
  DecisionAction,
  ExceptionKind,
  ExceptionState,
  FailureClass,
  Outcome,
  ProposableAction,
  Severity,
  TaskStatus,
  TransactionStatus,
} from "./statuses.ts"

export interface RowError {
  /** Stable: `HTTP_503`, `GRPC_UNAVAILABLE`, `SQLSTATE_23505`, `expression_error`, … */
  code: string
  class: FailureClass
  message: string
}

/** A decision that waits until a second person approves it. */
export interface ApprovalRequest {
  /** Of the decision that proposed it. */
  id: string
  /** What is done once somebody approves. */
  action: ProposableAction
  /** Null where it is about the whole transaction. */
  task: string | null
  /** Whether it is about the task, or about how the task is undone. */
  operation: "do" | "undo"
  requester: string
  at: number
  expires_at: number
}

/** The yes of a second person. */
export interface Approval {
  actor: string
  roles: readonly string[]
  reason: string | null
  at: number
  /** The id of the decision `approve`. */
  update_id: string
}

export interface TransactionRow {
  status: TransactionStatus
  /** Counts decisions and parks; what `expected_version` is compared with. */
  version: number
  /** A person attested or overrode something. */
  overridden: boolean
  /** Nothing new starts until somebody resumes it. */
  paused: boolean
  /** The deadline passed. */
  overdue: boolean
  /** Something irreversible may have happened: from here on the transaction goes forward only. Absent: no. */
  pivot_passed?: boolean | undefined
  deadline_at: number | null
  /** Without warnings: they ask for nothing. */
  open_exceptions: number
  /** Messages that were recorded and changed nothing (bad signals, illegal decisions by signal). */
  ignored_messages: number
  /** Oldest first. Absent or null: none. */
  pending_approvals?: ApprovalRequest[] | null | undefined
  output: unknown
  error: (RowError & { task: string | null }) | null
  started_at: number
  ended_at: number | null
}

/** How far a compensation is. */
export interface UndoRow {
  /** What is known of the compensation's own effect. */
  outcome: Outcome
  error: RowError | null
  started_at: number | null
  ended_at: number | null
}

export interface TaskRow {
  /** Position in the flow's definition order. */
  index: number
  /** `pay`; later `items[3].pay`. */
  path: string
  generation: number
  status: TaskStatus
  outcome: Outcome
  compensation: CompensationStatus
  /** Of its compensation, once there was one to make. */
  undo?: UndoRow | undefined
  /** Why a task was skipped, pruned or cancelled. */
  reason: string | null
  input: unknown
  output: unknown
  /** Where the whole output is kept, when `output` only tells of it (`OutputReference`). */
  output_sha256?: string | undefined
  /** The output was dropped by a continue-as-new after its last reader: the mirror keeps the one it has. */
  output_dropped: boolean
  error: RowError | null
  started_at: number | null
  ended_at: number | null
}

export interface ExceptionRow {
  /** With operation and generation the key of the record; `null` for the transaction itself. */
  task: string | null
  operation: "do" | "undo"
  generation: number
  kind: ExceptionKind
  severity: Severity
  state: ExceptionState
  code: string
  message: string
  outcome: Outcome
  /** How often this record was opened. */
  occurrence: number
  retry_safe: boolean
  /** The target forgets the key then, and a plain retry is safe no longer. Absent: never. */
  retry_safe_until?: number | undefined
  /** Why a plain retry is safe, or why not: a sentence for a person. */
  retry_safe_reason: string
  suggested_actions: string[]
  /** Of the flow. Absent: it says none. */
  team?: string | undefined
  /** How many steps of its escalation were taken. Absent: none. */
  escalation_level?: number | undefined
  /** Who was told last. Absent: nobody. */
  escalated_to?: string | undefined
  /** When the next step is taken. Absent: there is none, or it is closed, or its transaction has ended. */
  escalates_at?: number | undefined
  /** The action that a step could not carry out last, and why: `abort: pivot_passed`. */
  escalation_refused?: string | undefined
  /** By when it is to be resolved. Absent: the flow does not say. */
  sla_due_at?: number | undefined
  occurred_at: number
  resolved_at: number | null
  /** The decision that resolved it. */
  resolved_by: string | null
}

export interface DecisionRow {
  decision_id: string
  action: DecisionAction
  task: string | null
  actor: string
  /** Of the actor, as the API knew them; absent where a decision did not come from there. */
  roles?: readonly string[] | undefined
  reason: string | null
  attest: Attestation | null
  executed_externally: boolean | null
  evidence: unknown
  /** Absent: it needed none. */
  approvals?: Approval[] | undefined
  before: DecisionState
  after: DecisionState
  at: number
}

/** Statuses around a decision: of the tasks it named, and the transaction's version. */
export interface DecisionState {
  version: number
  status: TransactionStatus
  /** The first 100. */
  tasks: { path: string; status: TaskStatus; outcome: Outcome }[]
  more_tasks?: number | undefined
  /** The request that is pending then: after its `propose`, before its `approve` or `reject`. */
  request?: ApprovalRequest | undefined
}

export interface Changes {
  transaction: TransactionRow | null
  tasks: TaskRow[]
  exceptions: ExceptionRow[]
  decisions: DecisionRow[]
}

/** What the `state` query answers, and what a closing failure carries. */
export interface View extends Changes {
  transaction: TransactionRow
  /** How many runs came before this one by continue-as-new or resume. */
  chain: number
}

/** One sink call: the changes of one activation, with what orders them (design page "storage"). */
export interface MirrorChange extends Changes {
  tenant: string
  /** The caller's `instance_id`. */
  transaction_id: string
  workflow_id: string
  run_id: string
  /** Differs from `run_id` after a reset. */
  original_run_id: string
  /** The last reset run that a continued or resumed run descends from (`StartInput.reset_run`). */
  reset_run?: string
  chain: number
  history_length: number
  /** Position among the activations that share a history length. */
  ordinal: number
  /** True when all rows that are not pending are here (first live activation after a replay, reset run). */
  complete: boolean
}

/** One execution of a task's call, as the attempt log keeps it. Secrets never appear in it. */
export interface AttemptRow {
  tenant: string
  transaction_id: string
  task: string
  generation: number
  operation: Operation
  attempt: number
  class: FailureClass | "done"
  outcome: Outcome
  code: string | null
  message: string | null
  request: unknown
  response: unknown
  peer: string | null
  bytes_sent: number | null
  bytes_received: number | null
  started_at: number
  ended_at: number
}
