/** What the API answers, as far as the client's users need it; the whole is in `/openapi.json`. */
import type { AuditAction } from "../contract/audit.ts"
import type { BulkAction, BulkItemState, BulkState } from "../contract/bulk.ts"
import type {
  Attestation,
  DecisionAction,
  Effect,
  ProposableAction,
  ExceptionKind,
  Outcome,
  Severity,
  TaskStatus,
  TransactionStatus,
} from "../contract/statuses.ts"

export interface Flow {
  id: string
  name: string
  version: number
  plan_hash: string
  warnings?: { pointer: string; code: string; detail: string }[]
}

export interface StartedTransaction {
  instance_id: string
  flow_id: string
  status: TransactionStatus
}

export interface Task {
  task_id: string
  name: string
  type: string
  status: TaskStatus
  outcome: Outcome
  error_code: string | null
  error_message: string | null
  /** Attempts beyond the first. */
  retry_count: number
  started_at: string | null
  completed_at: string | null
}

export interface Transaction {
  instance_id: string
  flow_name: string
  flow_version: number
  workflow_id: string
  status: TransactionStatus
  /** What `expected_version` of a decision is compared with. */
  version: number
  open_exceptions: number
  /** Signals that were unknown, malformed or refused; Temporal answers their sender before anybody looks at them. */
  ignored_messages: number
  created_at: string
  completed_at: string | null
  output: unknown
  error: { code: string; message: string; task: string | null } | null
  tasks: Task[]
}

export interface TransactionEvent {
  /** Grows from one to the next. */
  id: number
  /** Such as `task.updated`; the last one is `transaction.ended`. */
  type: string
  instance_id: string
  at: string
  data: Record<string, unknown>
}

export interface Exception {
  id: number
  instance_id: string
  task: string | null
  error_type: ExceptionKind
  error_code: string
  error_message: string
  outcome: Outcome
  /** What the transaction says of it, or what people said of an open one: `acknowledged`, `assigned`, `snoozed`. */
  state: string
  /** What failed in the same way has the same one. */
  group: string
  retry_safe: boolean
  handled: boolean
  acknowledged_by: string | null
  acknowledged_at: string | null
  owner: string | null
  team: string | null
  escalation_level: number
  /** Who was told last. */
  escalated_to: string | null
  escalates_at: string | null
  sla_due_at: string | null
  /** Null once it is over. */
  snoozed_until: string | null
}

/** What failed in the same way. */
export interface ExceptionGroup {
  group: string
  flow_id: string
  flow_name: string
  /** Null for the transaction itself. */
  task: string | null
  operation: string
  kind: ExceptionKind
  code: string
  /** The worst of its exceptions. */
  severity: Severity
  /** What the messages have in common. */
  message: string
  count: number
  retry_safe_count: number
  oldest_at: string
  newest_at: string
  example_id: number
}

export interface ExceptionComment {
  id: number
  exception_id: number
  actor: string
  text: string
  at: string
}

export interface Assignment {
  owner: string | null
  /** Unsaid: as it is. */
  team?: string | null | undefined
}

/** One of them; null wakes. */
export interface Snooze {
  /** RFC 3339. */
  until?: string | null | undefined
  /** Such as `2h`. */
  for?: string | null | undefined
}

export interface Verdict {
  valid: true
  name: string
  plan_hash: string
  warnings: { pointer: string; code: string; detail: string }[]
}

export interface TransactionFilter {
  status?: TransactionStatus | undefined
  /** Id or name. */
  flow_id?: string | undefined
  business_key?: string | undefined
  page?: number | undefined
  page_size?: number | undefined
}

export interface TransactionSummary {
  instance_id: string
  flow_name: string
  flow_version: number
  business_key: string | null
  status: TransactionStatus
  open_exceptions: number
  created_at: string
  completed_at: string | null
}

export interface ExceptionFilter {
  instance_id?: string | undefined
  flow_id?: string | undefined
  handled?: boolean | undefined
  /** As it is shown. */
  state?: string | undefined
  owner?: string | undefined
  team?: string | undefined
  group?: string | undefined
  snoozed?: boolean | undefined
  /** Open, and past its time. */
  overdue?: boolean | undefined
}

export interface BulkJobRequest {
  action: BulkAction
  /** At least one condition; the API's docs say which there are. */
  filter: Record<string, unknown>
  reason: string
  /** Freeze and count, and start nothing yet. */
  dry_run?: boolean | undefined
  /** Decisions in a second. */
  velocity?: number | undefined
  canary?: number | undefined
  /** The share of failures, above which it stops. */
  stop_above?: number | undefined
  settle_within?: string | undefined
}

export interface BulkJobSummary {
  job_id: string
  action: BulkAction
  reason: string
  actor: string
  state: BulkState
  state_reason: string | null
  velocity: number
  canary: number
  counts: {
    total: number
    pending: number
    sent: number
    succeeded: number
    failed: number
    refused: number
  }
  created_at: string
  ended_at: string | null
}

export interface BulkJob extends BulkJobSummary {
  effects: { effect: Effect | null; state: BulkItemState; code: string | null; count: number }[]
}

export interface BulkItem {
  seq: number
  instance_id: string
  task: string | null
  effect: Effect | null
  state: BulkItemState
  round: number
  code: string | null
  detail: string | null
}

export interface DecisionRequest {
  action: Exclude<DecisionAction, "propose">
  /** With `approve` and `reject`: the id of what waits. */
  request?: string | undefined
  task?: string | undefined
  reason: string
  output?: unknown
  attest?: Attestation | undefined
  /** Where the attestation, or what was done by hand, can be looked up. */
  evidence?: unknown
  /** The version that you saw: refused as `stale_version` once the transaction has moved on. */
  expected_version?: number | undefined
}

export interface Decided {
  instance_id: string
  decision_id: string
  action: DecisionAction
  status: string
  version: number
  tasks: { path: string; status: string }[]
  /** It waits for a second person: nothing was done yet. */
  request?: PendingApproval
}

export interface PendingApproval {
  /** What approve and reject name as their request. */
  id: string
  action: ProposableAction
  task: string | null
  requester: string
  requested_at: string
  expires_at: string
}

export interface ListedApproval extends PendingApproval {
  instance_id: string
  flow_id: string
  flow_name: string
  business_key: string | null
  requester_roles: string[]
  reason: string | null
  attest: Attestation | null
  executed_externally: boolean | null
  evidence: unknown
}

export interface ApprovalFilter {
  transaction?: string | undefined
  /** Without what the caller asked for. */
  from_others?: boolean | undefined
  limit?: number | undefined
}

export interface ConnectionView {
  name: string
  kind: string
  /** A file's are changed in the file. */
  source: "api" | "file"
  settings: Record<string, unknown>
  updated_at: string | null
  updated_by: string | null
}

export interface ConnectionTest {
  ok: boolean
  code: string | null
  message: string
  duration_ms: number
}

export interface SecretView {
  name: string
  source: "api" | "file"
  updated_at: string | null
  updated_by: string | null
}

export interface KeyView {
  id: string
  name: string
  role: string | null
  scopes: string[]
  expires_at: string
  last_used_at: string | null
  revoked_at: string | null
}

export interface AuditFilter {
  transaction?: string | undefined
  actor?: string | undefined
  action?: AuditAction | undefined
  /** Inclusive, RFC 3339. */
  since?: string | undefined
  /** Exclusive, RFC 3339. */
  until?: string | undefined
  limit?: number | undefined
}

export interface AuditEntry {
  seq: number
  at: string
  actor: string
  roles: string[]
  action: AuditAction
  instance_id: string | null
  /** The task, or the name or id of what was changed. */
  subject: string | null
  reason: string | null
  attest: Attestation | null
  executed_externally: boolean | null
  evidence: unknown
  before: unknown
  after: unknown
  update_id: string | null
  approvals: unknown[]
  prev_hash: string
  hash: string
}
