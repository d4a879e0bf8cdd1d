/** Rows as the engine makes them, for tests that need no engine. */
import type {
  AttemptRow,
  DecisionRow,
  ExceptionRow,
  MirrorChange,
  TaskRow,
  TransactionRow,
} from "../../src/contract/rows.ts"

const NOON = Date.UTC(2026, 0, 15, 12)

export function transactionRow(row: Partial<TransactionRow> = {}): TransactionRow {
  return {
    status: "running",
    version: 0,
    overridden: false,
    paused: false,
    overdue: false,
    deadline_at: null,
    open_exceptions: 0,
    ignored_messages: 0,
    output: null,
    error: null,
    started_at: NOON,
    ended_at: null,
    ...row,
  }
}

export function taskRow(row: Partial<TaskRow> = {}): TaskRow {
  return {
    index: 0,
    path: "pay",
    generation: 1,
    status: "running",
    outcome: "unknown",
    compensation: "none",
    reason: null,
    input: null,
    output: null,
    output_dropped: false,
    error: null,
    started_at: NOON,
    ended_at: null,
    ...row,
  }
}

export function exceptionRow(row: Partial<ExceptionRow> = {}): ExceptionRow {
  return {
    task: "pay",
    operation: "do",
    generation: 1,
    kind: "retries_exhausted",
    severity: "error",
    state: "open",
    code: "HTTP_503",
    message: "the payment service is away",
    outcome: "unknown",
    occurrence: 1,
    retry_safe: true,
    retry_safe_reason: "The target recognises a repeat by its key.",
    suggested_actions: ["retry"],
    occurred_at: NOON,
    resolved_at: null,
    resolved_by: null,
    ...row,
  }
}

export function decisionRow(row: Partial<DecisionRow> = {}): DecisionRow {
  return {
    decision_id: "d-1",
    action: "retry",
    task: "pay",
    actor: "ann",
    reason: "the service is back",
    attest: null,
    executed_externally: null,
    evidence: null,
    before: { version: 1, status: "blocked", tasks: [] },
    after: { version: 2, status: "running", tasks: [] },
    at: NOON,
    ...row,
  }
}

export function attemptRow(row: Partial<AttemptRow> = {}): AttemptRow {
  return {
    tenant: "default",
    transaction_id: "order_1",
    task: "pay",
    generation: 1,
    operation: "do",
    attempt: 1,
    class: "done",
    outcome: "executed",
    code: null,
    message: null,
    request: { url: "http://127.0.0.1/pay" },
    response: { status: 200 },
    peer: "127.0.0.1:80",
    bytes_sent: 10,
    bytes_received: 20,
    started_at: NOON,
    ended_at: NOON + 5,
    ...row,
  }
}

export function mirrorChange(change: Partial<MirrorChange> = {}): MirrorChange {
  return {
    tenant: "default",
    transaction_id: "order_1",
    workflow_id: "default/order_1",
    run_id: "run-1",
    original_run_id: change.run_id ?? "run-1",
    chain: 0,
    history_length: 3,
    ordinal: 0,
    complete: false,
    transaction: null,
    tasks: [],
    exceptions: [],
    decisions: [],
    ...change,
  }
}
