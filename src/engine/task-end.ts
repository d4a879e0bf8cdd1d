/**
 * How a task ends: well, badly, or parked for a person; and what follows for those that depend on it.
 *
 * C3 a task that was `executed` keeps that, whatever went wrong with its output.
 */
import { MAX_INLINE_OUTPUT_BYTES } from "../contract/activities.ts"
import { Reference } from "../expression/values.ts"
import { goBackward } from "./backward.ts"
import { CONTINUED, resolveEdges } from "./edges.ts"
import type { CallDone } from "./events.ts"
import { amendTaskException, closeException, openTaskException, type TellOfTask } from "./exceptions.ts"
import { keepsInput } from "./graph.ts"
import { type Judgement, parks } from "./outcome.ts"
import { isPivotPassed } from "./pivot.ts"
import { fitCode, fitMessage, liveRoom } from "./room.ts"
import { jsonSize } from "./size.ts"
import { type MachineState, outcomeOf, planTask, setOutcome, setStatus, stampEnd, statusOf } from "./state.ts"
import { stopAll } from "./stop.ts"

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

/** Its call was answered: with its output, or with where that is kept. */
export function endDone(state: MachineState, task: number, done: CallDone): void {
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

/**
 * Ends a task whose call failed, unless its target can be asked what became of it: then that comes first.
 *
 * @param found the outcome is already folded onto what was known before.
 */
export function endFailed(state: MachineState, task: number, found: Judgement): void {
  const judgement = fit(state, found)
  record(state, task, judgement)
  if (state.mode !== "forward") {
    endStopped(state, task, judgement)
    return
  }
  if (isQuestion(state, task, judgement)) {
    openTaskException(state, task, judgement)
    wantProbe(state, task)
    return
  }
  conclude(state, task, judgement, openTaskException)
}

/** What its target can say more of: a lost answer, and a refusal that our own unanswered question may be the cause of. */
function isQuestion(state: MachineState, task: number, { outcome, class: kind }: Judgement): boolean {
  if (planTask(state, task).probe === undefined) return false
  return outcome === "unknown" || (kind === "refused" && state.tasks.unanswered[task] === 1)
}

/** The same for one that was asked about: its exception is open, and says more now. */
export function endProbed(state: MachineState, task: number, found: Judgement): void {
  const judgement = fit(state, found)
  record(state, task, judgement)
  if (state.mode === "forward") {
    conclude(state, task, judgement, amendTaskException)
    return
  }
  if (judgement.outcome !== "unknown") closeException(state, task, { state: "auto_resolved", by: null })
  endStopped(state, task, judgement, amendTaskException)
}

/** Nothing irreversible has happened after all: what parked for it fails now as its flow says. */
export function releaseHeld(state: MachineState): void {
  if (isPivotPassed(state)) return
  for (const [task, { kind }] of state.exceptions) {
    const error = state.tasks.error[task]
    const isHeld = kind === "pivot_passed" && task >= 0 && statusOf(state, task) === "parked"
    if (isHeld && error && state.mode === "forward")
      conclude(state, task, { ...error, outcome: outcomeOf(state, task) }, amendTaskException)
  }
}

/** The next thing that the task does is to ask. */
export function wantProbe(state: MachineState, task: number): void {
  state.tasks.asking[task] = 1
  setStatus(state, task, "pending")
  state.ready.push(task)
}

function fit(state: MachineState, { code, message, ...rest }: Judgement): Judgement {
  return { ...rest, code: fitCode(code), message: fitMessage(state, message) }
}

function record(state: MachineState, task: number, { outcome, code, class: kind, message }: Judgement): void {
  setOutcome(state, task, outcome)
  state.tasks.error[task] = { code, class: kind, message }
}

/** The transaction stopped, or turned back, while its call was open. */
function endStopped(
  state: MachineState,
  task: number,
  judgement: Judgement,
  tell: TellOfTask = openTaskException,
): void {
  state.tasks.reason[task] = state.stop?.reason ?? "cancelled"
  stampEnd(state, task)
  setStatus(state, task, "cancelled")
  const isAsked = judgement.outcome === "unknown" && state.mode === "stopping"
  // Who closed the transaction took that for answered.
  if (isAsked && state.stop?.ending !== "closed") tell(state, task, judgement)
}

function conclude(state: MachineState, task: number, judgement: Judgement, tell: TellOfTask): void {
  const { on_error: onError } = planTask(state, task)
  const isHeld = isPivotPassed(state) && onError !== "park" && onError !== "continue"
  if (isHeld || parks(planTask(state, task), judgement)) {
    setStatus(state, task, "parked")
    state.version++
    tell(state, task, judgement, isHeld ? "pivot_passed" : undefined)
    state.detailsWanted = true
    return
  }
  tell(state, task, judgement)
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
