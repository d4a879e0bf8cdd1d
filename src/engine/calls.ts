/**
 * A task's call, from ready to its end.
 *
 * C1 the outcome is `unknown` while a call is open; what was known before is kept as `prior`. C2 an answer
 * counts only under the task's current token. C3 see `task-end.ts`. C4 in a run that was reset an unsafe call is sent
 * as one of which nothing is known, unless a person has said that it did not happen: the run before may have made it,
 * and the activity refuses to. The engine itself doubts nothing, or the replay of what was before the reset would
 * differ. C5 a target that forgets keys gets no repeat after that: the activity is told when.
 */
import type { Meter } from "../expression/meter.ts"
import { reconsider } from "./backward.ts"
import { explainTooLarge, toCommand } from "./call-command.ts"
import { endWarning } from "./early-warning.ts"
import type { CallDone, CallFailed } from "./events.ts"
import { keyMemoryOf, openLateExecution } from "./exceptions.ts"
import { judgeFailure, type Judgement } from "./outcome.ts"
import { answerProbe, startProbe } from "./probe.ts"
import { activityIdOf, renderCall, renderWhen } from "./scope.ts"
import {
  compensationOf,
  type MachineState,
  outcomeOf,
  planTask,
  priorOf,
  setOutcome,
  setStatus,
  undoOutcomeOf,
} from "./state.ts"
import { endDone, endFailed, endWell } from "./task-end.ts"
import { answerUndo } from "./undo.ts"

/** Skips a task whose flow does not want it, else calls it. One that was called before stays wanted. */
export function startTask(state: MachineState, task: number, meter: Meter): void {
  if (state.tasks.asking[task] === 1) {
    startProbe(state, task, meter)
    return
  }
  const { when, reads } = planTask(state, task)
  if (when === undefined || state.tasks.startedAt[task] !== 0) {
    dispatch(state, task, meter)
    return
  }
  const wanted = renderWhen(state, when, reads, meter)
  if (!wanted.ok) {
    const message = `${wanted.error.code}: ${wanted.error.message}`
    const outcome = outcomeOf(state, task) === "unknown" ? "unknown" : "not_executed"
    endFailed(state, task, { class: "misconfigured", outcome, code: "expression_error", message })
    return
  }
  if (wanted.value) {
    dispatch(state, task, meter)
    return
  }
  state.tasks.reason[task] = "when"
  endWell(state, task, "skipped")
}

function dispatch(state: MachineState, task: number, meter: Meter): void {
  const isDoubtful = state.isReset && planTask(state, task).effect === "unsafe" && !isDenied(state, task)
  if (isDoubtful && !state.provesRepeats && outcomeOf(state, task) === "not_started")
    setOutcome(state, task, "unknown")
  const prior = outcomeOf(state, task)
  const rendered = renderCall(state, task, meter)
  const notSent = prior === "unknown" ? "unknown" : "not_executed"
  if (!rendered.ok) {
    const { code, message } = rendered.error
    const failure =
      code === "input_invalid"
        ? { code, message }
        : { code: "expression_error", message: `${code}: ${message}` }
    endFailed(state, task, { class: "misconfigured", outcome: notSent, ...failure })
    return
  }
  const { input, call } = rendered.value
  state.tasks.input[task] = input
  const message = explainTooLarge(call)
  if (message !== undefined) {
    state.tasks.input[task] = null
    endFailed(state, task, { class: "misconfigured", outcome: notSent, code: "input_too_large", message })
    return
  }
  open(state, task)
  if (isDoubtful && state.provesRepeats) call.prior = "unknown"
  const memory = keyMemoryOf(state, task)
  if (memory !== undefined) call.repeat_until = memory.until
  state.commands.push(
    toCommand(planTask(state, task), {
      token: state.tasks.token[task] ?? 0,
      activity_id: activityIdOf(state, task),
      input: call,
    }),
  )
}

/** A person said so, of what this run has sent last or the run before it. */
function isDenied(state: MachineState, task: number): boolean {
  return state.provesRepeats && state.tasks.denied[task] === 1
}

export function answer(
  state: MachineState,
  token: number,
  end: { done: CallDone } | { failure: CallFailed },
): void {
  const task = state.taskOfToken.get(token)
  if (task !== undefined && state.tasks.undo.token[task] === token) {
    answerUndo(state, task, end)
    return
  }
  if (task === undefined || state.tasks.token[task] !== token) {
    state.ignored++
    state.dirty.transaction = true
    return
  }
  state.taskOfToken.delete(token)
  state.tasks.token[task] = 0
  state.open--
  if (state.tasks.asking[task] === 1) answerProbe(state, task, end)
  else if ("done" in end) endDone(state, task, end.done)
  else endFailed(state, task, judge(state, task, end.failure))
  endWarning(state, task, "done" in end ? "auto_resolved" : "superseded")
  if (state.mode === "compensating") endBackward(state, task)
}

function judge(state: MachineState, task: number, failure: CallFailed): Judgement {
  return judgeFailure(
    planTask(state, task),
    { prior: priorOf(state, task), asks: state.provesRepeats },
    failure,
  )
}

/** A call that was open when the transaction turned back has ended. */
function endBackward(state: MachineState, task: number): void {
  if (outcomeOf(state, task) === "executed" && isTooLate(state, task)) openLateExecution(state, task)
  reconsider(state, task)
}

/** Nobody will undo it any more, or nobody knows whether what was sent came after it. */
function isTooLate(state: MachineState, task: number): boolean {
  const sent = undoOutcomeOf(state, task)
  const compensation = compensationOf(state, task)
  const isClosed = compensation === "success" || compensation === "waived"
  // At its barrier a compensation that was carried out has fenced the task off, or undone it.
  if (planTask(state, task).fenced === true) return isClosed && sent !== "executed"
  return isClosed || sent === "unknown" || sent === "executed"
}

function open(state: MachineState, task: number): void {
  const { tasks } = state
  const token = state.nextToken++
  tasks.token[task] = token
  state.taskOfToken.set(token, task)
  state.open++
  state.progressed = true
  tasks.prior[task] = tasks.outcome[task] ?? 0
  setOutcome(state, task, "unknown")
  setStatus(state, task, "running")
  tasks.denied[task] = 0
  tasks.error[task] = null
  tasks.endedAt[task] = 0
  if (tasks.startedAt[task] === 0) tasks.startedAt[task] = state.now
  if (tasks.sentAt[task] === 0) tasks.sentAt[task] = state.now
}
