/** What follows from the state as it is: calls to start, a continue-as-new to wish for, the end. */
import type { EndStatus } from "../contract/statuses.ts"
import type { Meter } from "../expression/meter.ts"
import { startTask } from "./calls.ts"
import { stopOverdue } from "./deadline.ts"
import { detailsOf } from "./details.ts"
import { edgeOf } from "./edges.ts"
import { stopClocks } from "./escalation.ts"
import { closeException, openTransactionException } from "./exceptions.ts"
import { isPivotPassed } from "./pivot.ts"
import { renderFlowOutput } from "./scope.ts"
import { jsonSize } from "./size.ts"
import {
  compensationOf,
  type MachineState,
  setTransactionStatus,
  statusOf,
  touchTransaction,
} from "./state.ts"
import { releaseHeld } from "./task-end.ts"
import { setTimer } from "./timer.ts"
import { startUndo } from "./undo.ts"

/** Workflow results have the limit of any payload. */
const MAX_FLOW_OUTPUT_BYTES = 1024 * 1024

/** Harmless when nothing changed. */
export function settle(state: MachineState, meter: Meter): void {
  if (state.mode === "ended") return
  if (state.mode === "forward") settleForward(state, meter)
  else if (state.mode === "compensating") settleBackward(state, meter)
  else if (state.open === 0) finish(state, state.stop?.ending ?? "cancelled", null)
  if (state.timerWanted) setTimer(state)
  if (state.detailsWanted) {
    state.detailsWanted = false
    state.commands.push({ kind: "details", text: detailsOf(state) })
  }
}

function settleForward(state: MachineState, meter: Meter): void {
  // What kept it going forward when the deadline came turned out not to have happened.
  if (state.overdue && state.plan.backward !== undefined && !isPivotPassed(state)) {
    stopOverdue(state)
    settleBackward(state, meter)
    return
  }
  if (state.pivotLifted) {
    state.pivotLifted = false
    releaseHeld(state)
    if (isPast(state, "forward")) {
      settle(state, meter)
      return
    }
  }
  const { thresholds, historyEvents, historyBytes } = state
  const isLong = historyEvents >= thresholds.quiet_events || historyBytes >= thresholds.quiet_bytes
  const isOver = state.open === 0 && state.ready.size === 0 && state.counts.parked === 0
  if (isLong && state.open === 0 && state.progressed && !isOver) {
    wishToContinue(state)
    if (state.ready.size === 0) setTransactionStatus(state, "blocked")
    return
  }
  const isHeld = historyEvents >= thresholds.hold_events && state.open > 0
  if (!isHeld && !state.paused) startReady(state, meter)
  // What could not be started may have turned it back, or stopped it.
  if (isPast(state, "forward")) {
    settle(state, meter)
    return
  }
  if (state.open > 0 || (state.ready.size > 0 && !state.paused)) {
    setTransactionStatus(state, "running")
    return
  }
  if (state.counts.parked > 0 || state.ready.size > 0) {
    setTransactionStatus(state, "blocked")
    return
  }
  if (state.counts.pending > 0)
    throw new Error(`nothing is ready, open or parked, but ${state.counts.pending} tasks are pending`)
  if (state.fatal > 0) finish(state, "failed", null)
  else finishWithOutput(state, meter)
}

function settleBackward(state: MachineState, meter: Meter): void {
  const { thresholds, historyEvents, historyBytes, undoReady } = state
  const isLong = historyEvents >= thresholds.quiet_events || historyBytes >= thresholds.quiet_bytes
  if (isLong && state.open === 0 && state.progressed && state.unfinished > 0) {
    wishToContinue(state)
    setTransactionStatus(state, undoReady.size === 0 ? "blocked" : "compensating")
    return
  }
  const isHeld = historyEvents >= thresholds.hold_events && state.open > 0
  if (!isHeld && !state.paused) startUndos(state, meter)
  if (state.open > 0 || (undoReady.size > 0 && !state.paused)) setTransactionStatus(state, "compensating")
  else if (state.unfinished > 0) setTransactionStatus(state, "blocked")
  else finish(state, "compensated", null)
}

function startUndos(state: MachineState, meter: Meter): void {
  const most = state.plan.backward?.concurrency ?? 1
  while (state.undoReady.size > 0 && state.undoing < most) {
    const task = state.undoReady.pop()
    // One that turned out to need nothing is in the queue no more.
    if (compensationOf(state, task) === "pending") startUndo(state, task, meter)
  }
}

function wishToContinue(state: MachineState): void {
  if (!state.commands.some((command) => command.kind === "continue_as_new"))
    state.commands.push({ kind: "continue_as_new" })
}

/** A function, since the compiler does not see that calls change the mode. */
function isPast(state: MachineState, mode: MachineState["mode"]): boolean {
  return state.mode !== mode
}

function startReady(state: MachineState, meter: Meter): void {
  while (!isPast(state, "forward") && state.ready.size > 0 && state.counts.running < state.plan.max_parallel)
    startTask(state, state.ready.pop(), meter)
}

function finishWithOutput(state: MachineState, meter: Meter): void {
  const rendered = renderFlowOutput(state, meter)
  if (rendered.ok && jsonSize(rendered.value, MAX_FLOW_OUTPUT_BYTES) <= MAX_FLOW_OUTPUT_BYTES) {
    finish(state, "success", rendered.value)
    return
  }
  const [code, message] = rendered.ok
    ? ["output_too_large", `The flow's output is larger than ${MAX_FLOW_OUTPUT_BYTES} bytes.`]
    : ["expression_error", `output: ${rendered.error.code}: ${rendered.error.message}`]
  openTransactionException(state, "flow_error", code, message)
  finish(state, "success", null)
}

function finish(state: MachineState, status: EndStatus, output: unknown): void {
  if (status === "compensated") closeUndone(state)
  stopClocks(state)
  state.mode = "ended"
  state.output = output
  state.endedAt = state.now
  state.error = errorOf(state, status)
  setTransactionStatus(state, status)
  touchTransaction(state)
  state.detailsWanted = true
  state.commands.push({ kind: "finish", status, output })
}

/** What turned it back is of no matter any more; an effect that came late is. */
function closeUndone(state: MachineState): void {
  for (const [position, { kind }] of state.exceptions)
    if (kind !== "late_execution") closeException(state, position, { state: "superseded", by: null })
}

function errorOf(state: MachineState, status: EndStatus): MachineState["error"] {
  if (status === "compensated") return state.stop?.error ?? null
  if (status === "closed") return state.stop?.error ?? null
  return status === "failed" ? (state.stop?.error ?? firstError(state)) : null
}

function firstError(state: MachineState): MachineState["error"] {
  const task = state.plan.tasks.findIndex(
    (_, position) => edgeOf(state, position) === "failed" && statusOf(state, position) === "failed",
  )
  const error = state.tasks.error[task]
  return error ? { ...error, task: state.plan.tasks[task]?.id ?? null } : null
}
