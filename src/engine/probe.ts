/**
 * Asking a target what became of a call whose answer is lost (design 4.1).
 *
 * P1 a probe makes an unknown outcome known, and never a known one unknown. P2 "not found" proves nothing as long as
 * the call may still arrive: it counts only where the probe fences it off. P3 a key that was fenced off is used up: what
 * is sent after it is a new generation; where nobody knows whether it was, a refusal under it is asked about. P4 a task
 * that is asked about is `running`; its exception stays open until the answer is there.
 */
import { assertNever } from "../contract/errors.ts"
import type { PlanProbe } from "../contract/plan.ts"
import type { RowError } from "../contract/rows.ts"
import type { Meter } from "../expression/meter.ts"
import { explainTooLarge, toCommand } from "./call-command.ts"
import type { CallDone, CallFailed } from "./events.ts"
import { closeException } from "./exceptions.ts"
import { activityIdOf, renderProbe } from "./scope.ts"
import { type MachineState, planTask, priorOf, setOutcome, setStatus } from "./state.ts"
import { endDone, endProbed, keepOutput } from "./task-end.ts"

/** Why a task is as it is that was fenced off. */
const FENCED = "fenced"

/** What a target says that knows nothing of the call, as a refusal; any other refusal says nothing of it. */
const NOT_FOUND = new Set(["HTTP_404", "HTTP_410", "GRPC_NOT_FOUND"])

/** It found what it asked for, and its `output` cannot be made of that. */
const FOUND_WITHOUT_OUTPUT = new Set(["expression_error", "output_too_large", "output_too_deep"])

const ASKED = " The target was asked:"

type Finding =
  | { kind: "executed"; output: unknown }
  | { kind: "executed_without_output"; code: string; message: string }
  /** By its own answer, and so fenced where it fences; a refusal may come from before it could. */
  | { kind: "not_found"; isAnswer: boolean }
  | { kind: "unanswered"; why: string }

export function startProbe(state: MachineState, task: number, meter: Meter): void {
  const { tasks } = state
  tasks.prior[task] = tasks.outcome[task] ?? 0
  const rendered = renderProbe(state, task, meter)
  const why = rendered.ok
    ? explainTooLarge(rendered.value)
    : `${rendered.error.code}: ${rendered.error.message}`
  if (!rendered.ok || why !== undefined) {
    take(state, task, { kind: "unanswered", why: why ?? "" })
    return
  }
  const token = state.nextToken++
  tasks.token[task] = token
  tasks.endedAt[task] = 0
  state.taskOfToken.set(token, task)
  state.open++
  state.progressed = true
  setStatus(state, task, "running")
  const input = rendered.value
  const activity_id = activityIdOf(state, task, "probe")
  if (state.asksAfterRefusal && probeOf(state, task).fences === true) tasks.unanswered[task] = 1
  state.commands.push(toCommand(probeOf(state, task), { token, activity_id, input }))
}

/** The task has no open call any more. */
export function answerProbe(
  state: MachineState,
  task: number,
  end: { done: CallDone } | { failure: CallFailed },
): void {
  take(state, task, "done" in end ? readAnswer(end.done) : readFailure(end.failure))
}

function take(state: MachineState, task: number, finding: Finding): void {
  state.tasks.asking[task] = 0
  const error = errorOf(state, task)
  const known = priorOf(state, task)
  switch (finding.kind) {
    case "executed":
      takeExecuted(state, task, finding.output)
      return
    case "executed_without_output": {
      const { code, message } = finding
      endProbed(state, task, { class: "misconfigured", outcome: "executed", code, message })
      return
    }
    case "not_found":
      if (finding.isAnswer && probeOf(state, task).fences === true) {
        state.tasks.spent[task] = 1
        state.tasks.reason[task] = FENCED
        const message = `${error.message}${ASKED} it did not happen, and cannot any more.`
        endProbed(state, task, { ...error, outcome: "not_executed", message })
        return
      }
      endProbed(state, task, {
        ...error,
        outcome: known,
        message: `${error.message}${ASKED} it knows nothing of the call, which may still arrive.`,
      })
      return
    case "unanswered":
      endProbed(state, task, {
        ...error,
        outcome: known,
        message: `${error.message}${ASKED} no answer (${finding.why})`,
      })
      return
    default:
      assertNever(finding)
  }
}

function takeExecuted(state: MachineState, task: number, output: unknown): void {
  if (state.mode !== "forward") {
    // Its undoing may read it.
    keepOutput(state, task, output)
    endProbed(state, task, { ...errorOf(state, task), outcome: "executed" })
    return
  }
  closeException(state, task, { state: "auto_resolved", by: null })
  endDone(state, task, { output })
}

function readAnswer({ output, by_reference }: CallDone): Finding {
  if (by_reference !== undefined) return { kind: "unanswered", why: "its answer is too large" }
  // A `ProbeAnswer`; but a worker may be anybody's.
  const { found, output: result } = Object(output) as { found?: unknown; output?: unknown }
  if (found === true) return { kind: "executed", output: result ?? null }
  return found === false
    ? { kind: "not_found", isAnswer: true }
    : { kind: "unanswered", why: "executed_when: expected true or false" }
}

function readFailure({ cause, class: kind, outcome, code, message }: CallFailed): Finding {
  if (cause !== "reported" || code === undefined) return { kind: "unanswered", why: message }
  if (kind === "refused" && NOT_FOUND.has(code)) return { kind: "not_found", isAnswer: false }
  if (outcome === "executed" && FOUND_WITHOUT_OUTPUT.has(code))
    return { kind: "executed_without_output", code, message }
  return { kind: "unanswered", why: `${code}: ${message}` }
}

/** Of the call that is asked about. */
function errorOf(state: MachineState, task: number): RowError {
  const error = state.tasks.error[task]
  if (!error) throw new Error(`task ${task} is asked about, and nothing went wrong with it`)
  // What an earlier answer added says nothing any more.
  const [message = ""] = error.message.split(ASKED)
  return { ...error, message }
}

function probeOf(state: MachineState, task: number): PlanProbe {
  const { probe } = planTask(state, task)
  if (probe === undefined) throw new Error(`task ${task} is asked about, and its plan does not say how`)
  return probe
}

/** A call under a key that no call used before. */
export function renewKey(state: MachineState, task: number): void {
  const { tasks } = state
  tasks.generation[task] = (tasks.generation[task] ?? 1) + 1
  // Of this generation nothing was sent.
  tasks.sentAt[task] = 0
  tasks.spent[task] = 0
  tasks.unanswered[task] = 0
  tasks.reason[task] = null
  setOutcome(state, task, "not_started")
}
