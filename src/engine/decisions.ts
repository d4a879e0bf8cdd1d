/**
 * What a decision does, once `refuse` let it pass (design 4.6). Commands follow when the machine settles.
 */
import { MAX_INLINE_OUTPUT_BYTES } from "../contract/activities.ts"
import { assertNever } from "../contract/errors.ts"
import type { Decision } from "../contract/messages.ts"
import type { Outcome } from "../contract/statuses.ts"
import { goBackward } from "./backward.ts"
import { ESCALATION_ACTOR } from "./escalation.ts"
import { TRANSACTION } from "./exception-position.ts"
import { closeException } from "./exceptions.ts"
import { forceClose } from "./force-close.ts"
import { renewKey } from "./probe.ts"
import { endRequest, holdRequest } from "./requests.ts"
import { attestationOf, mayRetry, parkedTasks, parkedUndos } from "./refuse.ts"
import { cutText, jsonSize } from "./size.ts"
import { type MachineState, outcomeOf, setOutcome, setStatus, type Stop, touchTransaction } from "./state.ts"
import { stopAll } from "./stop.ts"
import { endBadly, endWell, keepOutput, wantProbe } from "./task-end.ts"
import { setTimer } from "./timer.ts"
import { endUndo, retryUndo } from "./undo.ts"

export function decide(state: MachineState, decision: Decision): void {
  state.version++
  state.progressed = true
  touchTransaction(state)
  switch (decision.action) {
    case "retry":
      for (const task of retryTargets(state, decision)) retry(state, task, decision)
      break
    case "retry_unsafe":
      retry(state, positionOf(state, decision), decision)
      break
    case "retry_with_input":
      retryWithInput(state, positionOf(state, decision), decision)
      break
    case "probe":
      wantProbe(state, positionOf(state, decision))
      break
    case "complete":
    case "skip":
    case "fail":
      endByPerson(state, positionOf(state, decision), decision)
      break
    case "mark_compensated":
      endUndoByPerson(state, positionOf(state, decision), "success", decision)
      break
    case "waive_compensation":
      endUndoByPerson(state, positionOf(state, decision), "waived", decision)
      break
    case "cancel":
      cancel(state, decision.id)
      break
    case "abort":
      turnBack(state, { ending: "failed", reason: "aborted", error: abortError(decision) }, decision.id)
      break
    case "force_close":
      forceClose(state, decision)
      break
    case "pause":
      state.paused = true
      break
    case "resume":
      state.paused = false
      break
    case "extend_deadline":
      extendDeadline(state, decision)
      break
    case "propose":
      holdRequest(state, decision)
      if (state.timesRequests) state.timerWanted = true
      break
    case "approve":
      endRequest(state, decision.request ?? "", "approved")
      break
    case "reject":
      endRequest(state, decision.request ?? "", "rejected")
      break
    default:
      assertNever(decision.action)
  }
}

const CANCELLED: Stop = { ending: "cancelled", reason: "cancelled", error: null }

/** @param by the decision; null where Temporal's own cancel asked for it. */
export function cancel(state: MachineState, by: string | null): void {
  if (state.plan.backward?.on_cancel === "compensate") goBackward(state, CANCELLED, by)
  else stopAll(state, CANCELLED, by)
}

/** Backward where the flow says how, else it just stops. */
function turnBack(state: MachineState, stop: Stop, by: string): void {
  if (state.plan.backward === undefined) stopAll(state, stop, by)
  else goBackward(state, stop, by)
}

function extendDeadline(state: MachineState, { id, extend_by_ms: by = 0 }: Decision): void {
  state.deadlineAt = (state.deadlineAt ?? state.now) + by
  if (state.deadlineAt > state.at) {
    state.overdue = false
    closeException(state, TRANSACTION, { state: "resolved", by: id })
  }
  setTimer(state)
}

function endUndoByPerson(
  state: MachineState,
  task: number,
  status: "success" | "waived",
  { id }: Decision,
): void {
  state.overridden = true
  endUndo(state, task, status, id)
}

function abortError({ actor, reason }: Decision): Stop["error"] {
  const who = actor === ESCALATION_ACTOR ? "Its escalation" : "A person"
  const message = `${who} aborted the transaction${reason === undefined ? "." : `: ${reason}`}`
  return { code: "aborted", class: "refused", message: cutText(message, 2_000), task: null }
}

export function targetsOf(state: MachineState, decision: Decision): number[] {
  switch (decision.action) {
    case "retry":
      return retryTargets(state, decision)
    case "retry_unsafe":
    case "retry_with_input":
    case "probe":
    case "complete":
    case "skip":
    case "fail":
    case "mark_compensated":
    case "waive_compensation":
      return [positionOf(state, decision)]
    case "cancel":
    case "abort":
    case "force_close":
    case "pause":
    case "resume":
    case "extend_deadline":
      return []
    case "propose":
      return decision.task === undefined ? [] : [positionOf(state, decision)]
    case "approve":
    case "reject":
      return targetsOfRequest(state, decision)
    default:
      return assertNever(decision.action)
  }
}

function targetsOfRequest(state: MachineState, { request = "" }: Decision): number[] {
  const held = state.requests.get(request)
  return held === undefined ? [] : targetsOf(state, held.decision)
}

function retryTargets(state: MachineState, decision: Decision): number[] {
  if (decision.task !== undefined) return [positionOf(state, decision)]
  if (state.mode === "compensating") return parkedUndos(state)
  return parkedTasks(state).filter((task) => mayRetry(state, task, state.now))
}

function retryWithInput(state: MachineState, task: number, decision: Decision): void {
  const { tasks } = state
  const isSpent = tasks.spent[task] === 1
  retry(state, task, decision)
  const before = tasks.givenInput[task]
  if (before !== undefined) state.liveBytes -= jsonSize(before, MAX_INLINE_OUTPUT_BYTES)
  tasks.givenInput[task] = decision.input
  state.liveBytes += jsonSize(decision.input, MAX_INLINE_OUTPUT_BYTES)
  if (!isSpent) renewKey(state, task)
}

function retry(state: MachineState, task: number, decision: Decision): void {
  if (state.mode === "compensating") {
    retryUndo(state, task, decision.id)
    return
  }
  if (attestationOf(decision) === "not_executed" && outcomeOf(state, task) === "unknown") {
    setOutcome(state, task, "not_executed")
    state.overridden = true
  }
  if (attestationOf(decision) === "not_executed") state.tasks.denied[task] = 1
  closeException(state, task, { state: "resolved", by: decision.id })
  if (state.tasks.spent[task] === 1) renewKey(state, task)
  setStatus(state, task, "pending")
  state.ready.push(task)
}

function endByPerson(state: MachineState, task: number, decision: Decision): void {
  setOutcome(state, task, outcomeByPerson(state, task, decision))
  state.overridden = true
  state.tasks.reason[task] = null
  closeException(state, task, { state: "resolved", by: decision.id })
  if (decision.action === "fail") {
    endBadly(state, task)
    return
  }
  if (decision.action === "complete") keepOutput(state, task, decision.output ?? null)
  endWell(state, task, decision.action === "complete" ? "success" : "skipped")
}

function outcomeByPerson(state: MachineState, task: number, decision: Decision): Outcome {
  if (outcomeOf(state, task) === "executed" || attestationOf(decision) === "executed") return "executed"
  if (decision.action === "complete") return "overridden"
  if (decision.action === "skip") return "skipped"
  return outcomeOf(state, task) === "unknown" ? "not_executed" : outcomeOf(state, task)
}

function positionOf(state: MachineState, decision: Decision): number {
  const position = state.graph.positions.get(decision.task ?? "")
  if (position === undefined)
    throw new Error(`a decision about the unknown task ${decision.task} was let pass`)
  return position
}
