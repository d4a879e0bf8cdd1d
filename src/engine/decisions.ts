/**
 * What a person may do, and what it does (design 4.6). `refuse` has no effects and is asked twice: by the
 * update's validator, and again when the decision is applied.
 *
 * D1 an id decides once: repeats get the first answer. D2 an effect known as executed is never repeated.
 * D3 an unknown outcome of an unsafe effect is never left behind without an attestation. D4 a refused
 * decision changes nothing.
 */
import type { Decision } from "../contract/messages.ts"
import type { Refusal } from "../contract/errors.ts"
import { ATTESTATIONS, type Outcome } from "../contract/statuses.ts"
import { MAX_INLINE_OUTPUT_BYTES, MAX_INLINE_OUTPUT_DEPTH } from "../contract/activities.ts"
import { isDeeperThan } from "../contract/nesting.ts"
import { endWell, keepOutput } from "./calls.ts"
import { closeException, reopenException } from "./exceptions.ts"
import { retrySafety } from "./outcome.ts"
import { liveRoom, MAX_DECISION_BYTES } from "./room.ts"
import { jsonSize } from "./size.ts"
import {
  type MachineState,
  outcomeOf,
  planTask,
  setOutcome,
  setStatus,
  setTransactionStatus,
  stampEnd,
  statusOf,
  touchTransaction,
} from "./state.ts"

export function refuse(state: MachineState, decision: unknown): Refusal | undefined {
  if (!isDecision(decision)) return "malformed"
  if (state.answers.has(decision.id)) return undefined
  if (isTooLarge(decision)) return "decision_too_large"
  if (state.mode === "ended") return "ended"
  if (decision.expected_version !== undefined && decision.expected_version !== state.version)
    return "stale_version"
  const task = decision.task === undefined ? undefined : state.graph.positions.get(decision.task)
  if (decision.task !== undefined && task === undefined) return "unknown_task"
  switch (decision.action) {
    case "retry":
      return task === undefined ? refuseRetryAll(state, decision) : refuseRetry(state, task, decision)
    case "complete":
    case "skip":
      return task === undefined ? "task_required" : refuseEnding(state, task, decision)
    case "cancel":
      return undefined
    default:
      return "unknown_action"
  }
}

/** Applies a decision that `refuse` let pass. Commands follow when the machine settles. */
export function decide(state: MachineState, decision: Decision): void {
  state.version++
  state.progressed = true
  touchTransaction(state)
  switch (decision.action) {
    case "retry":
      for (const task of retryTargets(state, decision)) retry(state, task, decision)
      break
    case "complete":
    case "skip":
      endByPerson(state, positionOf(state, decision), decision)
      break
    case "cancel":
      cancelAll(state, decision.id)
      break
  }
}

/** Stops everything that has not started; what runs is asked to stop and awaited. Harmless when repeated. */
export function cancelAll(state: MachineState, by: string | null): void {
  if (state.mode !== "forward") return
  state.mode = "cancelling"
  touchTransaction(state)
  for (let task = 0; task < state.plan.tasks.length; task++) {
    const status = statusOf(state, task)
    if (status !== "pending" && status !== "parked") continue
    setStatus(state, task, "cancelled")
    state.tasks.reason[task] = "cancelled"
    stampEnd(state, task)
    // An unknown effect stays on record as open: the transaction ends, the question does not.
    if (outcomeOf(state, task) === "unknown") reopenException(state, task)
    else closeException(state, task, { state: "superseded", by })
  }
  if (state.open === 0) return
  setTransactionStatus(state, "running")
  state.commands.push({ kind: "cancel_forward" })
}

export function targetsOf(state: MachineState, decision: Decision): number[] {
  if (decision.action === "cancel") return []
  return decision.action === "retry" ? retryTargets(state, decision) : [positionOf(state, decision)]
}

function retryTargets(state: MachineState, decision: Decision): number[] {
  if (decision.task !== undefined) return [positionOf(state, decision)]
  return parkedTasks(state).filter((task) => mayRetry(state, task))
}

function refuseRetryAll(state: MachineState, { attest }: Decision): Refusal | undefined {
  if (attest !== undefined) return "task_required"
  const parked = parkedTasks(state)
  if (parked.length === 0) return "nothing_parked"
  return parked.some((task) => mayRetry(state, task)) ? undefined : "nothing_retryable"
}

function refuseRetry(state: MachineState, task: number, decision: Decision): Refusal | undefined {
  if (statusOf(state, task) !== "parked") return "not_parked"
  if (contradictsItself(decision)) return "attestation_contradicts"
  const attest = attestationOf(decision)
  const outcome = outcomeOf(state, task)
  if (outcome === "executed")
    return attest === "not_executed" ? "attestation_contradicts" : "already_executed"
  if (attest === "executed") return "attested_executed"
  if (attest === undefined && !mayRetry(state, task)) return "unknown_needs_attestation"
  return undefined
}

function refuseEnding(state: MachineState, task: number, decision: Decision): Refusal | undefined {
  if (statusOf(state, task) !== "parked") return "not_parked"
  if (contradictsItself(decision)) return "attestation_contradicts"
  const outcome = outcomeOf(state, task)
  const attest = attestationOf(decision)
  if (outcome === "executed" && attest === "not_executed") return "attestation_contradicts"
  if (outcome === "unknown" && attest === undefined) return "unknown_needs_attestation"
  if (decision.action === "skip") return hasNeedyReader(state, task) ? "dependants_need_output" : undefined
  const bytes = jsonSize(decision.output, MAX_INLINE_OUTPUT_BYTES)
  const fits = bytes <= MAX_INLINE_OUTPUT_BYTES && state.liveBytes + bytes <= liveRoom(state)
  return fits ? undefined : "output_too_large"
}

function retry(state: MachineState, task: number, decision: Decision): void {
  if (attestationOf(decision) === "not_executed" && outcomeOf(state, task) === "unknown") {
    setOutcome(state, task, "not_executed")
    state.overridden = true
  }
  closeException(state, task, { state: "resolved", by: decision.id })
  setStatus(state, task, "pending")
  state.ready.push(task)
}

function endByPerson(state: MachineState, task: number, decision: Decision): void {
  setOutcome(state, task, outcomeByPerson(state, task, decision))
  state.overridden = true
  closeException(state, task, { state: "resolved", by: decision.id })
  if (decision.action === "complete") keepOutput(state, task, decision.output ?? null)
  endWell(state, task, decision.action === "complete" ? "success" : "skipped")
}

function outcomeByPerson(state: MachineState, task: number, decision: Decision): Outcome {
  if (outcomeOf(state, task) === "executed" || attestationOf(decision) === "executed") return "executed"
  return decision.action === "skip" ? "skipped" : "overridden"
}

/** `executed_externally` says the same as an attestation, in the words of a person who did it by hand. */
function attestationOf(decision: Decision): Decision["attest"] {
  if (decision.attest !== undefined) return decision.attest
  if (decision.executed_externally === undefined) return undefined
  return decision.executed_externally ? "executed" : "not_executed"
}

function contradictsItself({ attest, executed_externally }: Decision): boolean {
  if (attest === undefined || executed_externally === undefined) return false
  return (attest === "executed") !== executed_externally
}

function mayRetry(state: MachineState, task: number): boolean {
  return retrySafety(planTask(state, task).effect, outcomeOf(state, task)).safe
}

/** Some task that has not ended reads this one's output and has no default for it. */
function hasNeedyReader(state: MachineState, task: number): boolean {
  return state.plan.tasks.some((reader, position) => {
    const status = statusOf(state, position)
    return (status === "pending" || status === "parked") && reader.requires.includes(task)
  })
}

function parkedTasks(state: MachineState): number[] {
  if (state.counts.parked === 0) return []
  return state.plan.tasks.flatMap((_, task) => (statusOf(state, task) === "parked" ? [task] : []))
}

function positionOf(state: MachineState, decision: Decision): number {
  const position = state.graph.positions.get(decision.task ?? "")
  if (position === undefined)
    throw new Error(`a decision about the unknown task ${decision.task} was let pass`)
  return position
}

function isTooLarge(decision: Decision): boolean {
  if (isDeeperThan(decision, MAX_INLINE_OUTPUT_DEPTH + 1)) return true
  return jsonSize({ ...decision, output: null }, MAX_DECISION_BYTES) > MAX_DECISION_BYTES
}

/** A decision may come from anyone with a Temporal client, so nothing of its shape is taken for granted. */
function isDecision(value: unknown): value is Decision {
  if (typeof value !== "object" || value === null) return false
  const { id, action, task, actor, reason, attest, executed_externally, expected_version } = value as Partial<
    Record<keyof Decision, unknown>
  >
  return (
    typeof id === "string" &&
    typeof action === "string" &&
    typeof actor === "string" &&
    isOptional(task, "string") &&
    isOptional(reason, "string") &&
    isOptional(executed_externally, "boolean") &&
    isOptional(expected_version, "number") &&
    (attest === undefined || (ATTESTATIONS as readonly unknown[]).includes(attest))
  )
}

function isOptional(value: unknown, type: "string" | "boolean" | "number"): boolean {
  return value === undefined || typeof value === type
}
