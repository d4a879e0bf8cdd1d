/** The words of design page "product": statuses, outcomes, effects. On the wire exactly as written here. */

export const TRANSACTION_STATUSES = [
  "pending",
  "running",
  "blocked",
  "compensating",
  "success",
  "failed",
  "compensated",
  "cancelled",
  "closed",
] as const
export type TransactionStatus = (typeof TRANSACTION_STATUSES)[number]

/** A transaction in one of these never changes again, but for a `failed` one that a person resumes. */
export const END_STATUSES = ["success", "failed", "compensated", "cancelled", "closed"] as const
export type EndStatus = (typeof END_STATUSES)[number]

export function isEndStatus(status: string): status is EndStatus {
  return (END_STATUSES as readonly string[]).includes(status)
}

export const TASK_STATUSES = [
  "pending",
  "running",
  "waiting",
  "parked",
  "success",
  "failed",
  "skipped",
  "pruned",
  "cancelled",
] as const
export type TaskStatus = (typeof TASK_STATUSES)[number]

/** What we know of the outside effect of a task (kept per task, generation and operation). */
export const OUTCOMES = [
  "not_started",
  "unknown",
  "executed",
  "not_executed",
  "rejected",
  "overridden",
  "skipped",
] as const
export type Outcome = (typeof OUTCOMES)[number]

export const COMPENSATION_STATUSES = [
  "none",
  "pending",
  "running",
  "parked",
  "success",
  "not_needed",
  "waived",
] as const
export type CompensationStatus = (typeof COMPENSATION_STATUSES)[number]

/** What the target promises about a repeated call. Decides what may be retried after an `unknown`. */
export const EFFECTS = ["read", "idempotent", "keyed", "unsafe"] as const
export type Effect = (typeof EFFECTS)[number]

/** What a connector says of one attempt. Decided from codes, never from message text. */
export const ATTEMPT_CLASSES = [
  "done",
  "refused",
  "not_executed",
  "unknown",
  "ongoing",
  "misconfigured",
] as const
export type AttemptClass = (typeof ATTEMPT_CLASSES)[number]
export type FailureClass = Exclude<AttemptClass, "done" | "ongoing">

export const EXCEPTION_KINDS = [
  "retries_exhausted",
  "rejected",
  "unknown_outcome",
  "flow_error",
  "key_reused",
  "rejected_after_compensation",
  "misconfigured",
  "deadline",
  "no_compensation",
  "compensation_failed",
  "late_execution",
  "pivot_passed",
  "early_warning",
  "orchestrator_lost",
  "mirror_drift",
] as const
export type ExceptionKind = (typeof EXCEPTION_KINDS)[number]

export const SEVERITIES = ["info", "warn", "error", "critical"] as const
export type Severity = (typeof SEVERITIES)[number]

export const EXCEPTION_STATES = [
  "open",
  "resolved",
  "reopened",
  "auto_resolved",
  "superseded",
  /** A person closed the transaction with it. */
  "accepted",
] as const
export type ExceptionState = (typeof EXCEPTION_STATES)[number]

export const TASK_KINDS = ["http", "rpc", "mq", "db"] as const
export type TaskKind = (typeof TASK_KINDS)[number]

export const DECISION_ACTIONS = [
  "retry",
  "retry_unsafe",
  "retry_with_input",
  "probe",
  "skip",
  "complete",
  "fail",
  "cancel",
  "abort",
  "pause",
  "resume",
  "extend_deadline",
  "mark_compensated",
  "waive_compensation",
  "force_close",
  /** Asks that another action be taken once a second person says yes. */
  "propose",
  "approve",
  "reject",
] as const
export type DecisionAction = (typeof DECISION_ACTIONS)[number]

/** What may be proposed: it moves a task, or the whole transaction, in a way that somebody may want to look at twice. */
export const PROPOSABLE_ACTIONS = [
  "retry",
  "retry_unsafe",
  "retry_with_input",
  "skip",
  "complete",
  "fail",
  "abort",
  "mark_compensated",
  "waive_compensation",
  "force_close",
] as const satisfies readonly DecisionAction[]
export type ProposableAction = (typeof PROPOSABLE_ACTIONS)[number]

export function isProposable(action: unknown): action is ProposableAction {
  return (PROPOSABLE_ACTIONS as readonly unknown[]).includes(action)
}

/** What an escalation may do by itself: what a person may decide without evidence, and without making anything up. */
export const ESCALATION_ACTIONS = ["retry", "probe", "abort", "cancel", "pause"] as const
export type EscalationAction = (typeof ESCALATION_ACTIONS)[number]

export const ATTESTATIONS = ["executed", "not_executed"] as const
export type Attestation = (typeof ATTESTATIONS)[number]
