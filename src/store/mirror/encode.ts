/**
 * Pending rows as the JSON documents that `write-changes.ts` reads, columns named as in the tables. Values of
 * users are JSON text inside: their columns are of type `json`, which takes any escape as it is.
 */
import type { AttemptRow, DecisionRow, ExceptionRow, TaskRow } from "../../contract/rows.ts"
import type { MirroredTransaction, Stamped } from "./merge.ts"
import { toMessageShape } from "./message-shape.ts"
import type { Order } from "./order.ts"
import type { PendingTransaction } from "./pending.ts"
import { UnstorableValue } from "./write-error.ts"

/** JSON texts of arrays of rows. */
export interface ChangeDocuments {
  transactions: string
  tasks: string
  exceptions: string
  decisions: string
  attempts: string
  completes: string
}

/** A pending transaction whose place among resets is known. */
export interface NumberedTransaction {
  entry: PendingTransaction
  resets: number
}

/** @throws UnstorableValue when a value of one of the rows cannot be JSON. */
export function encodeChanges(numbered: NumberedTransaction[]): ChangeDocuments {
  try {
    return toDocuments(numbered)
  } catch (thrown) {
    throw new UnstorableValue("a value cannot be written as JSON", { cause: thrown })
  }
}

function toDocuments(numbered: NumberedTransaction[]): ChangeDocuments {
  return {
    transactions: toDocument(
      numbered.flatMap(({ entry, resets }) =>
        entry.transaction ? [transactionRecord(entry, resets, entry.transaction)] : [],
      ),
    ),
    tasks: toDocument(
      numbered.flatMap(({ entry, resets }) =>
        Array.from(entry.tasks.values(), (task) => taskRecord(entry, resets, task)),
      ),
    ),
    exceptions: toDocument(
      numbered.flatMap(({ entry, resets }) =>
        Array.from(entry.exceptions.values(), (exception) => exceptionRecord(entry, resets, exception)),
      ),
    ),
    decisions: toDocument(
      numbered.flatMap(({ entry }) =>
        Array.from(entry.decisions.values(), (row) => decisionRecord(entry, row)),
      ),
    ),
    attempts: toDocument(numbered.flatMap(({ entry }) => entry.attempts.map(attemptRecord))),
    completes: toDocument(
      numbered.flatMap(({ entry, resets }) =>
        entry.complete || resets > 0 ? [completeRecord(entry, resets, entry.complete ?? START)] : [],
      ),
    ),
  }
}

/** NUL, and halves of surrogate pairs cannot be in a Postgres text; they become U+FFFD. */
export function sanitizeText(text: string): string {
  return text.replaceAll(
    /\0|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g,
    "\uFFFD",
  )
}

/** As `JSON.stringify` writes them; escapes of JSON inside JSON have one backslash more and match as well. */
const POISON = /\\u(?:0000|d[89a-f])/

function toDocument(records: object[]): string {
  if (records.length === 0) return "[]"
  const document = JSON.stringify(records)
  if (!POISON.test(document)) return document
  return JSON.stringify(records, (_, value: unknown) =>
    typeof value === "string" ? sanitizeText(value) : value,
  )
}

function toJson(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value)
}

/** Where a reset's lineage begins: every row of the runs before it is older. */
const START: Order = { chain: 0, seq: 0 }

// Written out, member by member: with spreads in them these literals took ten times as long.

function completeRecord(entry: PendingTransaction, resets: number, { chain, seq }: Order) {
  return { tenant_id: entry.tenant, instance_id: entry.transaction_id, resets, chain, seq }
}

function transactionRecord(entry: PendingTransaction, resets: number, stamped: Stamped<MirroredTransaction>) {
  const { row } = stamped
  return {
    tenant_id: entry.tenant,
    instance_id: entry.transaction_id,
    status: row.status,
    version: row.version,
    overridden: row.overridden,
    paused: row.paused,
    overdue: row.overdue,
    pivot_passed: row.pivot_passed ?? false,
    deadline_at: row.deadline_at,
    open_exceptions: row.open_exceptions,
    ignored_messages: row.ignored_messages,
    pending_approvals: toJson(row.pending_approvals),
    output: toJson(row.output),
    error: toJson(row.error),
    // 0 in what the sweeper says of a transaction that no workflow has told of.
    started_at: row.started_at || null,
    ended_at: row.ended_at,
    run_id: row.run_id,
    resets,
    chain: stamped.chain,
    seq: stamped.seq,
  }
}

function taskRecord(entry: PendingTransaction, resets: number, stamped: Stamped<TaskRow>) {
  const { row } = stamped
  return {
    tenant_id: entry.tenant,
    instance_id: entry.transaction_id,
    path: row.path,
    task_index: row.index,
    generation: row.generation,
    status: row.status,
    outcome: row.outcome,
    compensation: row.compensation,
    undo: toJson(row.undo),
    reason: row.reason,
    input: toJson(row.input),
    output: toJson(row.output),
    output_sha256: row.output_sha256 ?? null,
    output_dropped: row.output_dropped,
    error: toJson(row.error),
    started_at: row.started_at,
    ended_at: row.ended_at,
    resets,
    chain: stamped.chain,
    seq: stamped.seq,
  }
}

function exceptionRecord(entry: PendingTransaction, resets: number, stamped: Stamped<ExceptionRow>) {
  const { row } = stamped
  return {
    tenant_id: entry.tenant,
    instance_id: entry.transaction_id,
    path: row.task ?? "",
    operation: row.operation,
    generation: row.generation,
    kind: row.kind,
    severity: row.severity,
    state: row.state,
    code: row.code,
    message: row.message,
    message_shape: toMessageShape(row.message),
    outcome: row.outcome,
    occurrence: row.occurrence,
    retry_safe: row.retry_safe,
    retry_safe_until: row.retry_safe_until ?? null,
    retry_safe_reason: row.retry_safe_reason,
    suggested_actions: row.suggested_actions,
    flow_team: row.team ?? null,
    escalation_level: row.escalation_level ?? 0,
    escalated_to: row.escalated_to ?? null,
    escalates_at: row.escalates_at ?? null,
    escalation_refused: row.escalation_refused ?? null,
    sla_due_at: row.sla_due_at ?? null,
    occurred_at: row.occurred_at,
    resolved_at: row.resolved_at,
    resolved_by: row.resolved_by,
    resets,
    chain: stamped.chain,
    seq: stamped.seq,
  }
}

function decisionRecord(entry: PendingTransaction, row: DecisionRow) {
  return {
    tenant_id: entry.tenant,
    instance_id: entry.transaction_id,
    decision_id: row.decision_id,
    action: row.action,
    path: row.task,
    actor: row.actor,
    roles: row.roles ?? [],
    reason: row.reason,
    attest: row.attest,
    executed_externally: row.executed_externally,
    evidence: toJson(row.evidence),
    approvals: JSON.stringify(row.approvals ?? []),
    before: toJson(row.before),
    after: toJson(row.after),
    decided_at: row.at,
  }
}

function attemptRecord(row: AttemptRow) {
  return {
    tenant_id: row.tenant,
    instance_id: row.transaction_id,
    path: row.task,
    generation: row.generation,
    operation: row.operation,
    attempt: row.attempt,
    class: row.class,
    outcome: row.outcome,
    code: row.code,
    message: row.message,
    request: toJson(row.request),
    response: toJson(row.response),
    peer: row.peer,
    bytes_sent: row.bytes_sent,
    bytes_received: row.bytes_received,
    started_at: row.started_at,
    ended_at: row.ended_at,
  }
}
