/**
 * A task's compensation, from ready to its end.
 *
 * U1 it is repeated under one key until it is done or its budget is spent; then it parks, and a person decides. U2 a
 * refusal is never an end. U3 its outcome is `unknown` while it is open.
 */
import type { PlanCompensate } from "../contract/plan.ts"
import type { Meter } from "../expression/meter.ts"
import { advance } from "./backward.ts"
import { explainTooLarge, toCommand } from "./call-command.ts"
import type { CallDone, CallFailed } from "./events.ts"
import { undoPosition } from "./exception-position.ts"
import { closeException, openUndoException } from "./exceptions.ts"
import { judgeFailure } from "./outcome.ts"
import { fitCode, fitMessage } from "./room.ts"
import { activityIdOf, renderUndo } from "./scope.ts"
import {
  type MachineState,
  planTask,
  setCompensation,
  setUndoOutcome,
  touchTransaction,
  undoOutcomeOf,
  undoPriorOf,
} from "./state.ts"

export function startUndo(state: MachineState, task: number, meter: Meter): void {
  const plan = undoPlan(state, task)
  const prior = undoOutcomeOf(state, task)
  // One that may have arrived goes out again as it was: its key is the same.
  if (prior !== "unknown") state.tasks.undo.sentAs[task] = state.tasks.outcome[task] ?? 0
  const rendered = renderUndo(state, task, meter)
  const message = rendered.ok
    ? explainTooLarge(rendered.value)
    : `${rendered.error.code}: ${rendered.error.message}`
  if (!rendered.ok || message !== undefined) {
    const code = rendered.ok ? "input_too_large" : "expression_error"
    const outcome = prior === "unknown" ? "unknown" : "not_executed"
    park(state, task, { class: "misconfigured", outcome, code, message: message ?? "" })
    return
  }
  const { undo } = state.tasks
  const token = state.nextToken++
  undo.token[task] = token
  undo.prior[task] = undo.outcome[task] ?? 0
  state.taskOfToken.set(token, task)
  state.open++
  state.undoing++
  state.progressed = true
  setUndoOutcome(state, task, "unknown")
  setCompensation(state, task, "running")
  undo.error[task] = null
  undo.endedAt[task] = 0
  if (undo.startedAt[task] === 0) undo.startedAt[task] = state.now
  state.commands.push(
    toCommand(plan, {
      token,
      activity_id: activityIdOf(state, task, "undo"),
      input: rendered.value,
      backward: true,
    }),
  )
}

export function answerUndo(
  state: MachineState,
  task: number,
  end: { done: CallDone } | { failure: CallFailed },
): void {
  const { undo } = state.tasks
  state.taskOfToken.delete(undo.token[task] ?? 0)
  undo.token[task] = 0
  state.open--
  state.undoing--
  if ("failure" in end) {
    const judgement = judgeFailure(
      undoPlan(state, task),
      { prior: undoPriorOf(state, task), asks: state.provesRepeats },
      end.failure,
    )
    // Done, whatever went wrong with a reply that nobody reads.
    if (judgement.outcome !== "executed") {
      park(state, task, judgement)
      return
    }
  }
  setUndoOutcome(state, task, "executed")
  endUndo(state, task, "success", null)
}

/** @param by the decision, where a person ended it. */
export function endUndo(
  state: MachineState,
  task: number,
  status: "success" | "waived",
  by: string | null,
): void {
  const { undo } = state.tasks
  undo.error[task] = null
  undo.endedAt[task] = Math.max(state.now, undo.startedAt[task] ?? 0)
  setCompensation(state, task, status)
  closeException(state, undoPosition(task), { state: by === null ? "auto_resolved" : "resolved", by })
  if (state.mode === "compensating") advance(state, task)
}

/** A person wants it tried again, under the same key. */
export function retryUndo(state: MachineState, task: number, by: string): void {
  closeException(state, undoPosition(task), { state: "resolved", by })
  setCompensation(state, task, "pending")
  state.undoReady.push(task)
}

function park(state: MachineState, task: number, found: ReturnType<typeof judgeFailure>): void {
  const { class: kind, outcome } = found
  const [code, message] = [fitCode(found.code), fitMessage(state, found.message)]
  setUndoOutcome(state, task, outcome)
  state.tasks.undo.error[task] = { class: kind, code, message }
  if (state.mode === "stopping") {
    // A person closed the transaction meanwhile.
    setCompensation(state, task, "waived")
    return
  }
  setCompensation(state, task, "parked")
  state.version++
  state.detailsWanted = true
  touchTransaction(state)
  openUndoException(state, task, { kind: "compensation_failed", code, message })
}

function undoPlan(state: MachineState, task: number): PlanCompensate {
  const { compensate } = planTask(state, task)
  if (compensate === undefined || compensate === "none")
    throw new Error(`task ${task} is undone, and its plan does not say how`)
  return compensate
}
