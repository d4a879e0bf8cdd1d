/**
 * A task's call, from ready to its end.
 *
 * C1 the outcome is `unknown` while a call is open; what was known before is kept as `prior`. C2 an answer
 * counts only under the task's current token. C3 a task that was `executed` keeps that, whatever went wrong
 * with its output. C4 in a run that was reset an unsafe task that has no outcome yet starts as `unknown`: the
 * run before may have called it, and its activity refuses to send. Calls from before the reset have their
 * answers in the history.
 */
import type { Meter } from "../expression/meter.ts"
import type { CallCommand } from "./commands.ts"
import { resolveEdges } from "./edges.ts"
import type { CallFailed } from "./events.ts"
import { openTaskException } from "./exceptions.ts"
import { type Judgement, judgeFailure, parks } from "./outcome.ts"
import { fitCode, fitMessage, liveRoom } from "./room.ts"
import { activityIdOf, renderCall } from "./scope.ts"
import { jsonSize } from "./size.ts"
import { type MachineState, outcomeOf, planTask, priorOf, setOutcome, setStatus, stampEnd } from "./state.ts"

/** Temporal refuses payloads above 2 MiB, and fails the workflow task with them. */
const MAX_CALL_BYTES = 1_500_000

/** An unsafe call gets a next attempt only after a proven `not_executed`: none of these proves it. */
const NEVER_REPEAT = [
  "TemporalTimeout:StartToClose",
  "TemporalTimeout:Heartbeat",
  "WorkerShutdown",
  "PayloadsTooLarge",
]

export function dispatch(state: MachineState, task: number, meter: Meter): void {
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
  if (jsonSize(call, MAX_CALL_BYTES) > MAX_CALL_BYTES) {
    const message = `The call's config and input are larger than ${MAX_CALL_BYTES} bytes.`
    state.tasks.input[task] = null
    endFailed(state, task, { class: "misconfigured", outcome: notSent, code: "input_too_large", message })
    return
  }
  open(state, task)
  state.commands.push(toCommand(state, task, call))
}

export function answer(
  state: MachineState,
  token: number,
  end: { output: unknown } | { failure: CallFailed },
): void {
  const task = state.taskOfToken.get(token)
  if (task === undefined || state.tasks.token[task] !== token) {
    state.ignored++
    state.dirty.transaction = true
    return
  }
  state.taskOfToken.delete(token)
  state.tasks.token[task] = 0
  state.open--
  if ("output" in end) endDone(state, task, end.output)
  else endFailed(state, task, judgeFailure(planTask(state, task), priorOf(state, task), end.failure))
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
  for (const read of planTask(state, task).reads) releaseReader(state, read)
  if (state.mode === "forward") resolveEdges(state, task)
}

function endDone(state: MachineState, task: number, output: unknown): void {
  setOutcome(state, task, "executed")
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
    state.tasks.reason[task] = "cancelled"
    stampEnd(state, task)
    setStatus(state, task, "cancelled")
    if (judgement.outcome === "unknown") openTaskException(state, task, judgement)
    return
  }
  if (parks(planTask(state, task), judgement)) {
    setStatus(state, task, "parked")
    state.version++
    openTaskException(state, task, judgement)
    state.detailsWanted = true
    return
  }
  setStatus(state, task, "failed")
  stampEnd(state, task)
  openTaskException(state, task, judgement)
  resolveEdges(state, task)
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
}

function toCommand(state: MachineState, task: number, input: CallCommand["input"]): CallCommand {
  const plan = planTask(state, task)
  const { retry } = plan
  const unsafe = plan.effect === "unsafe"
  return {
    kind: "call",
    token: state.tasks.token[task] ?? 0,
    activity_id: activityIdOf(state, task),
    activity_type: plan.type,
    ...(plan.summary === undefined ? {} : { summary: plan.summary }),
    input,
    retry: {
      max_attempts: retry.max_attempts,
      interval_ms: retry.interval_ms,
      backoff: retry.backoff,
      max_interval_ms: retry.max_interval_ms,
      non_retryable: unsafe ? [...retry.non_retryable, ...NEVER_REPEAT] : retry.non_retryable,
    },
    timeout: boundTotal(plan.timeout, retry.max_elapsed_ms),
  }
}

/** `timeout.total` and `retry.max_elapsed` both bound the whole call: the smaller counts (design 2). */
function boundTotal(
  timeout: CallCommand["timeout"],
  maxElapsedMs: number | undefined,
): CallCommand["timeout"] {
  if (maxElapsedMs === undefined) return timeout
  return { ...timeout, total_ms: Math.min(timeout.total_ms ?? maxElapsedMs, maxElapsedMs) }
}
