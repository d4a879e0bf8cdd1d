/** The one place where the machine's memory becomes rows: for the mirror, for the `state` query, for a closing failure. */
import type { Changes, ExceptionRow, TaskRow, TransactionRow, UndoRow, View } from "../contract/rows.ts"
import type { CompensationStatus } from "../contract/statuses.ts"
import { Reference } from "../expression/values.ts"
import { careOf } from "./escalation.ts"
import { waitsForPerson } from "./exceptions.ts"
import { showReferences } from "./references.ts"
import { pendingApprovals } from "./requests.ts"
import { newestOf } from "./room.ts"
import { jsonSize } from "./size.ts"
import { isPivotPassed } from "./pivot.ts"
import { compensationOf, type MachineState, outcomeOf, planTask, statusOf, undoOutcomeOf } from "./state.ts"

export function transactionRow(state: MachineState): TransactionRow {
  return {
    status: state.status,
    version: state.version,
    overridden: state.overridden,
    paused: state.paused,
    overdue: state.overdue,
    ...(isPivotPassed(state) ? { pivot_passed: true } : {}),
    deadline_at: state.deadlineAt,
    open_exceptions: [...state.exceptions.values()].filter(waitsForPerson).length,
    ignored_messages: state.ignored,
    ...(state.requests.size === 0 ? {} : { pending_approvals: pendingApprovals(state) }),
    output: state.output,
    error: state.error,
    started_at: state.startedAt,
    ended_at: state.endedAt,
  }
}

export function taskRow(state: MachineState, task: number): TaskRow {
  const { tasks } = state
  const output = tasks.output[task]
  const row: TaskRow = {
    index: task,
    path: planTask(state, task).id,
    generation: tasks.generation[task] ?? 1,
    status: statusOf(state, task),
    outcome: outcomeOf(state, task),
    compensation: compensationOf(state, task),
    reason: tasks.reason[task] ?? null,
    input: tasks.input[task] ?? null,
    output: output instanceof Reference ? showReferences(output) : (output ?? null),
    output_dropped: tasks.outputDropped[task] === 1,
    error: tasks.error[task] ?? null,
    started_at: tasks.startedAt[task] || null,
    ended_at: tasks.endedAt[task] || null,
  }
  if (output instanceof Reference) row.output_sha256 = output.output.sha256
  if (UNDONE.has(row.compensation)) row.undo = undoRow(state, task)
  return row
}

const UNDONE: ReadonlySet<CompensationStatus> = new Set(["pending", "running", "parked", "success", "waived"])

function undoRow(state: MachineState, task: number): UndoRow {
  const { undo } = state.tasks
  return {
    outcome: undoOutcomeOf(state, task),
    error: undo.error[task] ?? null,
    started_at: undo.startedAt[task] || null,
    ended_at: undo.endedAt[task] || null,
  }
}

function exceptionRow(state: MachineState, position: number): ExceptionRow[] {
  const row = state.exceptions.get(position)
  return row === undefined ? [] : [{ ...row, ...careOf(state, position, row) }]
}

/** Dirty rows since the last call; or, for `all`, every row that is not pending, or was touched. */
export function takeChanges(state: MachineState, which: "dirty" | "all"): Changes {
  const { dirty } = state
  const all = which === "all"
  const positions = all ? state.plan.tasks.map((_, task) => task) : dirty.list
  const changes: Changes = {
    transaction: all || dirty.transaction ? transactionRow(state) : null,
    tasks: positions
      .filter((task) => !all || statusOf(state, task) !== "pending" || dirty.marks[task] === 1)
      .map((task) => taskRow(state, task)),
    exceptions: (all ? [...state.exceptions.keys()] : [...dirty.exceptions]).flatMap((position) =>
      exceptionRow(state, position),
    ),
    decisions: all ? [...state.decisions] : state.decisions.slice(dirty.decisionsGiven),
  }
  for (const task of dirty.list) dirty.marks[task] = 0
  dirty.list = []
  dirty.transaction = false
  dirty.exceptions.clear()
  dirty.decisionsGiven = state.decisions.length
  return changes
}

/**
 * All rows, pending ones too, but of the decisions the newest. Inputs and outputs are left out, and said to be
 * dropped, once they add up to `payloadBytes`: an answer of a query has a limit in Temporal.
 */
export function viewOf(state: MachineState, payloadBytes: number): View {
  let left = payloadBytes
  const tasks = state.plan.tasks.map((_, task) => {
    const row = taskRow(state, task)
    if (row.input === null && row.output === null) return row
    left -= jsonSize([row.input, row.output], left)
    return left >= 0
      ? row
      : { ...row, input: null, output: null, output_dropped: row.output_dropped || row.output !== null }
  })
  return {
    chain: state.chain,
    transaction: transactionRow(state),
    tasks,
    exceptions: [...state.exceptions.keys()].flatMap((position) => exceptionRow(state, position)),
    decisions: newestOf(state.decisions),
  }
}

/** Small enough to be read and to travel, whatever the flow's size: no payloads, and what went well is left out first. */
export function briefViewOf(state: MachineState): View {
  const view = viewOf(state, 0)
  const worth = view.tasks.filter((row) => row.status !== "success")
  const tasks = view.tasks.length <= MAX_BRIEF_TASKS ? view.tasks : worth.slice(0, MAX_BRIEF_TASKS)
  const cut = <Row extends { message: string }>(row: Row): Row => ({
    ...row,
    message: row.message.slice(0, 200),
  })
  return {
    ...view,
    transaction: { ...view.transaction, output: null },
    tasks: tasks.map((row) => ({ ...row, error: row.error && cut(row.error) })),
    exceptions: view.exceptions.slice(0, MAX_BRIEF_TASKS).map(cut),
    decisions: [],
  }
}

const MAX_BRIEF_TASKS = 500
