/**
 * Why a decision is illegal now (design 4.6). Has no effects, and is asked twice: by the update's validator, and
 * again when the decision is applied.
 *
 * D1 an id decides once: repeats get the first answer. D2 an effect known as executed is never repeated.
 * D3 an unknown outcome of an unsafe effect is never left behind without an attestation. D4 a refused
 * decision changes nothing.
 */
import { MAX_INLINE_OUTPUT_BYTES, MAX_INLINE_OUTPUT_DEPTH } from "../contract/activities.ts"
import type { Refusal } from "../contract/errors.ts"
import type { Decision } from "../contract/messages.ts"
import { isDeeperThan } from "../contract/nesting.ts"
import { ATTESTATIONS } from "../contract/statuses.ts"
import { keyMemoryOf } from "./exceptions.ts"
import { retrySafety } from "./outcome.ts"
import { type HeldRequest, isExpired, MAX_REQUESTS, requestAbout, sizeOf, toProposed } from "./requests.ts"
import { liveRoom, MAX_DECISION_BYTES } from "./room.ts"
import { jsonSize } from "./size.ts"
import { isPivotPassed, isPivotPassedWith } from "./pivot.ts"
import { compensationOf, type MachineState, outcomeOf, planTask, statusOf } from "./state.ts"

/** A decision's own bound: ten years. */
const MAX_EXTENSION_MS = 10 * 365 * 24 * 3_600_000

/** @param at when it would be applied: what was safe may be so no longer. */
export function refuse(state: MachineState, decision: unknown, at = state.now): Refusal | undefined {
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
      return task === undefined
        ? refuseRetryAll(state, decision, at)
        : refuseRetry(state, task, { decision, at })
    case "retry_unsafe":
      return task === undefined ? "task_required" : refuseUnsafeRetry(state, task, { decision, at })
    case "retry_with_input":
      return task === undefined ? "task_required" : refuseNewInput(state, task, { decision, at })
    case "probe":
      return task === undefined ? "task_required" : refuseProbe(state, task)
    case "complete":
    case "skip":
    case "fail":
      return task === undefined ? "task_required" : refuseEnding(state, task, decision)
    case "mark_compensated":
    case "waive_compensation":
      return task === undefined ? "task_required" : refuseUndoEnding(state, task, decision)
    case "force_close":
      return refuseWithoutEvidence(decision)
    case "cancel":
    case "abort":
      return state.mode === "forward" && isPivotPassed(state) ? "pivot_passed" : undefined
    case "pause":
    case "resume":
      return state.mode === "stopping" ? "ending" : undefined
    case "extend_deadline":
      return refuseExtension(state, decision)
    case "propose":
      return refuseProposal(state, decision, at)
    case "approve":
    case "reject":
      return refuseVerdict(state, decision, at)
    default:
      return "unknown_action"
  }
}

/** What may wait is what could be done at once. */
function refuseProposal(state: MachineState, decision: Decision, at: number): Refusal | undefined {
  const proposed = toProposed(decision)
  if (proposed === undefined) return "not_proposable"
  const refusal = refuse(state, proposed, at)
  if (refusal !== undefined) return refusal
  const pending = requestAbout(state, decision.task ?? null)
  if (pending !== undefined && !isExpired(pending, at)) return "request_pending"
  if (state.requests.size >= MAX_REQUESTS) return "too_many_requests"
  return state.liveBytes + sizeOf(proposed) <= liveRoom(state) ? undefined : "output_too_large"
}

/** A second person's yes or no. Who asked may take it back, but not approve it. */
function refuseVerdict(state: MachineState, decision: Decision, at: number): Refusal | undefined {
  const { request: id, action, actor } = decision
  if (typeof id !== "string") return "request_required"
  const held = state.requests.get(id)
  if (held === undefined) {
    const end = state.endedRequests.get(id)
    return end === undefined ? "unknown_request" : `request_${end}`
  }
  if (isExpired(held.row, at)) return "request_expired"
  if (action === "reject") return undefined
  return actor === held.row.requester ? "own_request" : refuseHeld(state, held, at)
}

/** Why a decision that waits could not be made as things stand. */
export function refuseHeld(state: MachineState, held: HeldRequest, at = state.now): Refusal | undefined {
  // The room that it takes while it waits is the room that it needs.
  state.liveBytes -= held.bytes
  const refusal = refuse(state, held.decision, at)
  state.liveBytes += held.bytes
  return refusal
}

/** A person undid it by hand, or lets it be: of a compensation that does not get on by itself. */
function refuseUndoEnding(state: MachineState, task: number, decision: Decision): Refusal | undefined {
  return compensationOf(state, task) === "parked" ? refuseWithoutEvidence(decision) : "not_compensating"
}

function refuseWithoutEvidence({ evidence }: Decision): Refusal | undefined {
  return evidence === undefined || evidence === null || evidence === "" ? "evidence_required" : undefined
}

function refuseRetryAll(state: MachineState, { attest }: Decision, at: number): Refusal | undefined {
  if (attest !== undefined) return "task_required"
  if (state.mode === "compensating") return parkedUndos(state).length > 0 ? undefined : "nothing_parked"
  const parked = parkedTasks(state)
  if (parked.length === 0) return "nothing_parked"
  return parked.some((task) => mayRetry(state, task, at)) ? undefined : "nothing_retryable"
}

interface Asked {
  decision: Decision
  at: number
}

function refuseRetry(state: MachineState, task: number, { decision, at }: Asked): Refusal | undefined {
  if (state.mode === "compensating" && decision.action === "retry")
    return parkedUndos(state).includes(task) ? undefined : "not_compensating"
  if (statusOf(state, task) !== "parked") return "not_parked"
  if (contradictsItself(decision)) return "attestation_contradicts"
  const attest = attestationOf(decision)
  const outcome = outcomeOf(state, task)
  if (outcome === "executed")
    return attest === "not_executed" ? "attestation_contradicts" : "already_executed"
  if (attest === "executed") return "attested_executed"
  if (attest !== undefined || mayRetry(state, task, at)) return undefined
  return planTask(state, task).effect === "unsafe" ? "unknown_needs_attestation" : "outside_dedup_window"
}

/** A person found out that it did not happen, and says where that can be looked up. */
function refuseUnsafeRetry(state: MachineState, task: number, asked: Asked): Refusal | undefined {
  if (statusOf(state, task) === "parked" && mayRetry(state, task, asked.at)) return "retry_is_safe"
  const refusal = refuseRetry(state, task, asked)
  if (refusal !== undefined) return refusal
  return refuseWithoutEvidence(asked.decision)
}

function refuseProbe(state: MachineState, task: number): Refusal | undefined {
  if (planTask(state, task).probe === undefined) return "no_probe"
  if (statusOf(state, task) !== "parked") return "not_parked"
  return outcomeOf(state, task) === "unknown" ? undefined : "outcome_known"
}

/** A new input is a new effect under a new key: only when the old one is known not to have happened. */
function refuseNewInput(state: MachineState, task: number, asked: Asked): Refusal | undefined {
  const { decision } = asked
  const refusal = refuseRetry(state, task, asked)
  if (refusal !== undefined) return refusal
  if (outcomeOf(state, task) === "unknown" && attestationOf(decision) !== "not_executed")
    return "unknown_needs_attestation"
  if (decision.input === undefined) return "input_required"
  return fits(state, decision.input) ? undefined : "output_too_large"
}

function refuseExtension(state: MachineState, { extend_by_ms: by }: Decision): Refusal | undefined {
  if (state.mode !== "forward") return "ending"
  if (state.deadlineAt === null) return "no_deadline"
  return by !== undefined && Number.isInteger(by) && by > 0 && by <= MAX_EXTENSION_MS
    ? undefined
    : "extension_invalid"
}

function fits(state: MachineState, value: unknown): boolean {
  const bytes = jsonSize(value, MAX_INLINE_OUTPUT_BYTES)
  return bytes <= MAX_INLINE_OUTPUT_BYTES && state.liveBytes + bytes <= liveRoom(state)
}

function refuseEnding(state: MachineState, task: number, decision: Decision): Refusal | undefined {
  if (statusOf(state, task) !== "parked") return "not_parked"
  if (contradictsItself(decision)) return "attestation_contradicts"
  const outcome = outcomeOf(state, task)
  const attest = attestationOf(decision)
  const hasHappened = outcome === "executed" || attest === "executed"
  if (decision.action === "fail" && isPivotPassedWith(state, task, hasHappened)) return "pivot_passed"
  if (outcome === "executed" && attest === "not_executed") return "attestation_contradicts"
  if (outcome === "unknown" && attest === undefined) return "unknown_needs_attestation"
  if (decision.action === "skip" && hasNeedyReader(state, task)) return "dependants_need_output"
  if (decision.action === "complete" && !fits(state, decision.output)) return "output_too_large"
  return undefined
}

/** `executed_externally` says the same as an attestation, in the words of a person who did it by hand. */
export function attestationOf(decision: Decision): Decision["attest"] {
  if (decision.attest !== undefined) return decision.attest
  if (decision.executed_externally === undefined) return undefined
  return decision.executed_externally ? "executed" : "not_executed"
}

function contradictsItself({ attest, executed_externally }: Decision): boolean {
  if (attest === undefined || executed_externally === undefined) return false
  return (attest === "executed") !== executed_externally
}

export function mayRetry(state: MachineState, task: number, at: number): boolean {
  const { effect } = planTask(state, task)
  return retrySafety(effect, outcomeOf(state, task), at, keyMemoryOf(state, task)).safe
}

/** Some task that has not ended reads this one's output and has no default for it. */
function hasNeedyReader(state: MachineState, task: number): boolean {
  return state.plan.tasks.some((reader, position) => {
    const status = statusOf(state, position)
    return (status === "pending" || status === "parked") && reader.requires.includes(task)
  })
}

export function parkedTasks(state: MachineState): number[] {
  if (state.counts.parked === 0) return []
  return state.plan.tasks.flatMap((_, task) => (statusOf(state, task) === "parked" ? [task] : []))
}

/** Compensations that can be tried again. */
export function parkedUndos(state: MachineState): number[] {
  return state.plan.tasks.flatMap(({ compensate }, task) =>
    compensate !== undefined && compensationOf(state, task) === "parked" ? [task] : [],
  )
}

function isTooLarge(decision: Decision): boolean {
  if (isDeeperThan(decision, MAX_INLINE_OUTPUT_DEPTH + 1)) return true
  return jsonSize({ ...decision, output: null, input: null }, MAX_DECISION_BYTES) > MAX_DECISION_BYTES
}

/** A decision may come from anyone with a Temporal client, so nothing of its shape is taken for granted. */
function isDecision(value: unknown): value is Decision {
  if (typeof value !== "object" || value === null) return false
  const { id, action, task, actor, reason, attest, executed_externally, expected_version, extend_by_ms } =
    value as Partial<Record<keyof Decision, unknown>>
  return (
    typeof id === "string" &&
    typeof action === "string" &&
    typeof actor === "string" &&
    isOptional(task, "string") &&
    isOptional(reason, "string") &&
    isOptional(executed_externally, "boolean") &&
    isOptional(expected_version, "number") &&
    isOptional(extend_by_ms, "number") &&
    (attest === undefined || (ATTESTATIONS as readonly unknown[]).includes(attest))
  )
}

function isOptional(value: unknown, type: "string" | "boolean" | "number"): boolean {
  return value === undefined || typeof value === type
}
