/**
 * A task's call, from ready to its end.
 *
 * C1 the outcome is `unknown` while a call is open; what was known before is kept as `prior`. C2 an answer
 * counts only under the task's current token. C3 a task that was `executed` keeps that, whatever went wrong
 * with its output. C4 in a run that was reset an unsafe task that has no outcome yet starts as `unknown`: the
 * run before may have called it, and its activity refuses to send. Calls from before the reset have their
 * answers in the history.
 */
import { MAX_INLINE_OUTPUT_BYTES } from "../contract/activities.ts"
import type { Meter } from "../expression/meter.ts"
import { Reference } from "../expression/values.ts"
import { goBackward, reconsider } from "./backward.ts"
import { explainTooLarge, toCommand } from "./call-command.ts"
import { CONTINUED, resolveEdges } from "./edges.ts"
import type { CallDone, CallFailed } from "./events.ts"
import { closeException, openLateExecution, openTaskException } from "./exceptions.ts"
import { keepsInput } from "./graph.ts"
import { type Judgement, judgeFailure, parks } from "./outcome.ts"
import { isPivotPassed } from "./pivot.ts"
import { fitCode, fitMessage, liveRoom } from "./room.ts"
import { activityIdOf, renderCall, renderWhen } from "./scope.ts"
import { jsonSize } from "./size.ts"
import { stopAll } from "./stop.ts"
import {
  compensationOf,
  type MachineState,
  outcomeOf,
  planTask,
  priorOf,
  setOutcome,
  setStatus,
  stampEnd,
  undoOutcomeOf,
} from "./state.ts"
import { answerUndo } from "./undo.ts"

/** Skips a task whose flow does not want it, else calls it. One that was called before stays wanted. */
export function startTask(state: MachineState, task: number, meter: Meter): void {
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
  if (state.isReset && planTask(state, task).effect === "unsafe" && outcomeOf(state, task) === "not_started")
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
  state.commands.push(
    toCommand(planTask(state, task), {
      token: state.tasks.token[task] ?? 0,
      activity_id: activityIdOf(state, task),
      input: call,
    }),
  )
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
  if ("done" in end) endDone(state, task, end.done)
  else endFailed(state, task, judgeFailure(planTask(state, task), priorOf(state, task), end.failure))
  if (state.mode === "compensating") endBackward(state, task)
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

/** Gives a task its output; false when all live outputs together would be too large. */
export function keepOutput(state: MachineState, task: number, output: unknown): boolean {
  const { tasks } = state
  const room = liveRoom(state) - state.liveBytes
  const bytes = (tasks.readersLeft[task] ?? 0) > 0 ? jsonSize(output, room) : 0
  if (bytes > room) return false
  tasks.output[task] = output
  tasks.outputDropped[task] = 0
  tasks.outputBytes[task] = bytes
  state.liveBytes += bytes
  return true
}

/** Ends a task with `success` or `skipped`: what it read may be dropped, what depends on it may start. */
export function endWell(state: MachineState, task: number, status: "success" | "skipped"): void {
  setStatus(state, task, status)
  stampEnd(state, task)
  release(state, task)
  if (state.mode === "forward") resolveEdges(state, task)
}

/** Ends a task that failed for good, by its flow's word or a person's; its error says why. */
export function endBadly(state: MachineState, task: number): void {
  setStatus(state, task, "failed")
  stampEnd(state, task)
  state.fatal++
  const { id, on_error: onError } = planTask(state, task)
  const found = state.tasks.error[task]
  const error = found ? { ...found, task: id } : null
  if (onError === "compensate") {
    goBackward(state, { reason: "failed", error })
    return
  }
  resolveEdges(state, task)
  if (state.plan.fail_fast === true) stopAll(state, { ending: "failed", reason: "fail_fast", error })
}

function endDone(state: MachineState, task: number, done: CallDone): void {
  setOutcome(state, task, "executed")
  const reference = done.by_reference
  const output = reference === undefined ? done.output : new Reference(planTask(state, task).id, reference)
  if (!keepOutput(state, task, output)) {
    const message = `The outputs that later tasks read are together larger than ${liveRoom(state)} bytes.`
    endFailed(state, task, { class: "misconfigured", outcome: "executed", code: "output_too_large", message })
    return
  }
  state.tasks.error[task] = null
  endWell(state, task, "success")
}

function endFailed(state: MachineState, task: number, found: Judgement): void {
  const judgement = { ...found, code: fitCode(found.code), message: fitMessage(state, found.message) }
  setOutcome(state, task, judgement.outcome)
  state.tasks.error[task] = { code: judgement.code, class: judgement.class, message: judgement.message }
  if (state.mode !== "forward") {
    state.tasks.reason[task] = state.stop?.reason ?? "cancelled"
    stampEnd(state, task)
    setStatus(state, task, "cancelled")
    if (judgement.outcome === "unknown" && state.mode === "stopping")
      openTaskException(state, task, judgement)
    return
  }
  const { on_error: onError } = planTask(state, task)
  const isHeld = isPivotPassed(state) && onError !== "park" && onError !== "continue"
  if (isHeld || parks(planTask(state, task), judgement)) {
    setStatus(state, task, "parked")
    state.version++
    openTaskException(state, task, judgement, isHeld ? "pivot_passed" : undefined)
    state.detailsWanted = true
    return
  }
  openTaskException(state, task, judgement)
  if (onError === "continue") endContinued(state, task)
  else endBadly(state, task)
}

/** The flow goes on without it: what depends on it runs, and can read `{error}`. Nobody has to decide anything. */
function endContinued(state: MachineState, task: number): void {
  const { tasks } = state
  tasks.reason[task] = CONTINUED
  // Small by `fitMessage`; where even that has no room, its readers have `tasks.<id>.error`.
  keepOutput(state, task, { error: tasks.error[task] })
  setStatus(state, task, "failed")
  stampEnd(state, task)
  closeException(state, task, { state: "auto_resolved", by: null })
  release(state, task)
  resolveEdges(state, task)
}

/** A task that will not run again needs neither what it read nor what a person gave it, unless its undoing does. */
function release(state: MachineState, task: number): void {
  if (keepsInput(planTask(state, task))) return
  for (const read of planTask(state, task).reads) releaseReader(state, read)
  const given = state.tasks.givenInput[task]
  if (given === undefined) return
  state.tasks.givenInput[task] = undefined
  state.liveBytes -= jsonSize(given, MAX_INLINE_OUTPUT_BYTES)
}

function releaseReader(state: MachineState, task: number): void {
  const { tasks } = state
  const left = (tasks.readersLeft[task] ?? 0) - 1
  tasks.readersLeft[task] = left
  if (left > 0) return
  state.liveBytes -= tasks.outputBytes[task] ?? 0
  tasks.outputBytes[task] = 0
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
  tasks.error[task] = null
  tasks.endedAt[task] = 0
  if (tasks.startedAt[task] === 0) tasks.startedAt[task] = state.now
  if (tasks.sentAt[task] === 0) tasks.sentAt[task] = state.now
}
