/**
 * Going backward (design 4.4): which task is undone, and when.
 *
 * B1 nothing forward starts any more, and what is open is asked to stop. B2 a task is undone when every task that
 * depends on it is finished backward, through tasks that need nothing. B3 it needs undoing when its effect is there
 * or may be there; what is open counts as unknown. B4 an open call is waited for until `drainUntil`, unless the
 * target fences it off; nobody waits for anything else. B5 what cannot be undone parks, and holds up only what it
 * depends on itself. B6 the run ends when every task is finished backward and no call is open.
 */
import { undoPosition } from "./exception-position.ts"
import { closeException, openUndoException } from "./exceptions.ts"
import {
  compensationOf,
  type MachineState,
  mayHaveHappened,
  outcomeOf,
  planTask,
  setCompensation,
  setStatus,
  setTransactionStatus,
  stampEnd,
  statusOf,
  type Stop,
  touchTransaction,
  undoOutcomeOf,
} from "./state.ts"
import { setTimer } from "./timer.ts"

/** @param by the decision, where a person made it. */
export function goBackward(state: MachineState, stop: Omit<Stop, "ending">, by: string | null = null): void {
  if (state.mode !== "forward") return
  state.mode = "compensating"
  state.stop = { ...stop, ending: "compensated" }
  state.detailsWanted = true
  setTransactionStatus(state, "compensating")
  touchTransaction(state)
  state.ready.clear()
  for (let task = 0; task < state.plan.tasks.length; task++) {
    const status = statusOf(state, task)
    if (status !== "pending" && status !== "parked") continue
    setStatus(state, task, "cancelled")
    state.tasks.asking[task] = 0
    state.tasks.reason[task] = stop.reason
    stampEnd(state, task)
    // Whatever the question was: its effect is undone with the others.
    closeException(state, task, { state: "superseded", by })
  }
  if (state.open > 0) {
    state.commands.push({ kind: "cancel_forward" })
    // From now on, whenever that was which turned it back.
    state.drainUntil = state.at + (state.plan.backward?.drain_ms ?? 0)
    setTimer(state)
  }
  recountBackward(state)
}

/** Counts what is left anew from the statuses: at the beginning, and after a snapshot. */
export function recountBackward(state: MachineState): void {
  const { undo } = state.tasks
  const { firstSuccessor } = state.graph
  state.undoReady.clear()
  state.unfinished = state.plan.tasks.length
  undo.closed.fill(0)
  for (let task = 0; task < state.plan.tasks.length; task++) {
    undo.behind[task] = (firstSuccessor[task + 1] ?? 0) - (firstSuccessor[task] ?? 0)
    if (compensationOf(state, task) === "pending") setCompensation(state, task, "none")
  }
  for (let task = 0; task < state.plan.tasks.length; task++) advance(state, task)
}

/** The time for running attempts is over. */
export function stopDraining(state: MachineState): void {
  state.drainUntil = null
  for (const task of state.taskOfToken.values()) advance(state, task)
}

/** A call that was open has ended: what it left may need no undoing after all. */
export function reconsider(state: MachineState, task: number): void {
  const compensation = compensationOf(state, task)
  const sent = undoOutcomeOf(state, task)
  const isUnsent = sent === "not_started" || sent === "not_executed"
  if ((compensation === "pending" || compensation === "parked") && isUnsent) {
    const isNeeded = needsUndoing(state, task)
    closeException(state, undoPosition(task), { state: "auto_resolved", by: null })
    // What it lacked may be there now.
    setCompensation(state, task, isNeeded ? "none" : "not_needed")
  }
  advance(state, task)
}

/** Takes a task, and what it depends on, as far backward as it can go now. A queue, never recursion. */
export function advance(state: MachineState, first: number): void {
  const { undo } = state.tasks
  const queue = [first]
  for (let head = 0; head < queue.length; head++) {
    const task = queue[head] ?? first
    if (undo.closed[task] === 1 || (undo.behind[task] ?? 0) > 0) continue
    if (compensationOf(state, task) === "none") begin(state, task)
    if (!isOver(state, task)) continue
    undo.closed[task] = 1
    state.unfinished--
    for (const dep of planTask(state, task).deps) {
      undo.behind[dep] = (undo.behind[dep] ?? 0) - 1
      queue.push(dep)
    }
  }
}

function begin(state: MachineState, task: number): void {
  const plan = planTask(state, task)
  if (!needsUndoing(state, task)) {
    if (outcomeOf(state, task) !== "not_started") setCompensation(state, task, "not_needed")
    return
  }
  if (isAwaited(state, task)) return
  if (plan.compensate !== undefined) {
    setCompensation(state, task, "pending")
    state.undoReady.push(task)
    return
  }
  setCompensation(state, task, "parked")
  state.version++
  state.detailsWanted = true
  openUndoException(state, task, {
    kind: "no_compensation",
    code: "no_compensation",
    message: `${plan.id} has an effect, or may have one, and its flow does not say how it is undone.`,
  })
}

function isOver(state: MachineState, task: number): boolean {
  switch (compensationOf(state, task)) {
    case "success":
    case "waived":
    case "not_needed":
      return true
    case "none":
      return !needsUndoing(state, task)
    case "pending":
    case "running":
    case "parked":
      return false
  }
}

/** Its effect is there or may be there, and its flow does not say that it may stay. */
export function needsUndoing(state: MachineState, task: number): boolean {
  const { effect, compensate } = planTask(state, task)
  if (effect === "read" || compensate === "none") return false
  if (!state.rules.openIsUnknown && isOpen(state, task)) return false
  const outcome = outcomeOf(state, task)
  return outcome === "unknown" ? state.rules.undoUnknown : mayHaveHappened(outcome)
}

function isAwaited(state: MachineState, task: number): boolean {
  return isOpen(state, task) && state.drainUntil !== null && planTask(state, task).fenced !== true
}

function isOpen(state: MachineState, task: number): boolean {
  return state.tasks.token[task] !== 0
}
