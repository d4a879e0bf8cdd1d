/** What the mirror must show: the workflow's view, and where the run was lost, what follows from that. */
import type { ExceptionRow, TaskRow, View } from "../../contract/rows.ts"
import type { Closing } from "./observe.ts"

/** The sweeper's own record is no task's: the engine counts generations from 1. */
const SWEEPER_GENERATION = 0

export interface Close {
  closing: Closing
  /** Milliseconds. */
  closed_at: number
}

/** A view with the status in which its run closed. A run that ended by its own word says the same already. */
export function settleView(view: View, { closing, closed_at }: Close): View {
  if (closing.kind === "lost") return settleLost(view, closing, closed_at)
  const { transaction } = view
  if (transaction.status === closing.status) return view
  return {
    ...view,
    transaction: {
      ...transaction,
      status: closing.status,
      output: closing.output ?? transaction.output,
      pending_approvals: null,
      ended_at: closed_at,
    },
    tasks: stopTasks(view.tasks, closed_at),
  }
}

/** A view of what Temporal no longer knows: everything as it was, and a record that somebody must look. */
export function settleMissing(view: View, now: number): View {
  const message =
    "Temporal does not know this transaction's workflow: it was deleted, or Temporal lost its data."
  return withRecord(view, { ...lostRecord("workflow_missing", message, now), severity: "critical" })
}

/** Of a closed run that no worker of this build can replay: the status is Temporal's, the tasks are a guess. */
export function settleUnreadable(view: View, reason: string, now: number): View {
  const message = `The tasks could not be read again from Temporal, so they may have moved since: ${reason}`
  return withRecord(view, {
    ...lostRecord("history_unreadable", message, now),
    kind: "mirror_drift",
    severity: "warn",
    state: "open",
  })
}

function settleLost(
  view: View,
  { code, message }: Extract<Closing, { kind: "lost" }>,
  closedAt: number,
): View {
  const lost = withRecord(view, lostRecord(code, message, closedAt))
  return {
    ...lost,
    transaction: {
      ...lost.transaction,
      status: "failed",
      error: { code, class: "unknown", message, task: null },
      pending_approvals: null,
      ended_at: closedAt,
    },
    tasks: stopTasks(view.tasks, closedAt),
  }
}

/** No task of an ended transaction runs. What their calls did stays as unknown as it was. */
function stopTasks(tasks: TaskRow[], at: number): TaskRow[] {
  return tasks.map((task) =>
    task.status === "running" || task.status === "waiting"
      ? { ...task, status: "cancelled", reason: "orchestrator_lost", ended_at: at }
      : task,
  )
}

function withRecord(view: View, record: ExceptionRow): View {
  const known = view.exceptions.find(isSweepers)
  const isSame = known?.kind === record.kind && known.code === record.code && isOpen(known)
  // Looked at twice, it is the same record: not opened again, nor moved to another time.
  const exceptions = [...view.exceptions.filter((row) => !isSweepers(row)), isSame ? known : record]
  return {
    ...view,
    exceptions,
    transaction: { ...view.transaction, open_exceptions: exceptions.filter(waitsForPerson).length },
  }
}

function isSweepers(row: ExceptionRow): boolean {
  return row.task === null && row.generation === SWEEPER_GENERATION
}

function waitsForPerson(row: ExceptionRow): boolean {
  return isOpen(row) && row.kind !== "early_warning"
}

function isOpen(row: ExceptionRow): boolean {
  return row.state === "open" || row.state === "reopened"
}

function lostRecord(code: string, message: string, at: number): ExceptionRow {
  return {
    task: null,
    operation: "do",
    generation: SWEEPER_GENERATION,
    kind: "orchestrator_lost",
    severity: "critical",
    state: "open",
    code,
    message,
    outcome: "unknown",
    occurrence: 1,
    retry_safe: false,
    retry_safe_reason:
      "Nobody watches this transaction any more: a call that was under way may or may not have happened.",
    suggested_actions: [],
    occurred_at: at,
    resolved_at: null,
    resolved_by: null,
  }
}
