/**
 * Decisions that wait for a second person ("four eyes", design 4.6): what is kept of each until somebody approves or
 * rejects it. Who may do so, and when, is in `refuse.ts`; what is carried out, in `four-eyes.ts`.
 *
 * Q1 one request at most waits for each task, and one for the transaction as a whole. Q2 a request waits only while
 * its decision could be made as things stand: what moves its task away ends it. Q3 it counts as live room, since it
 * travels with the snapshot.
 */
import type { Decision } from "../contract/messages.ts"
import type { ApprovalRequest } from "../contract/rows.ts"
import { isProposable } from "../contract/statuses.ts"
import { jsonSize } from "./size.ts"
import { type MachineState, touchTransaction } from "./state.ts"

/** How long somebody has to approve. */
export const APPROVAL_MS = 4 * 3_600_000
/** Of one transaction. */
export const MAX_REQUESTS = 100
const MAX_ENDED = 100

export type RequestEnd = "approved" | "rejected" | "expired" | "superseded"

export interface HeldRequest {
  row: ApprovalRequest
  /** As it is carried out. */
  decision: Decision
  /** Of its JSON. */
  bytes: number
}

/**
 * The decision that a proposal is about. Its id is one that no `Idempotency-Key` can be, because of the space: the
 * proposal and what comes of it are two decisions.
 */
export function toProposed({ expected_version: _seen, proposed, ...rest }: Decision): Decision | undefined {
  return isProposable(proposed) ? { ...rest, id: `${rest.id} approved`, action: proposed } : undefined
}

export function holdRequest(state: MachineState, proposal: Decision): void {
  const decision = toProposed(proposal)
  if (decision === undefined || !isProposable(decision.action))
    throw new Error(`a proposal of ${proposal.proposed} was let pass`)
  const bytes = sizeOf(decision)
  const row: ApprovalRequest = {
    id: proposal.id,
    action: decision.action,
    task: decision.task ?? null,
    operation: isOfUndo(state, decision) ? "undo" : "do",
    requester: decision.actor,
    at: state.now,
    expires_at: state.now + APPROVAL_MS,
  }
  keepRequest(state, { row, decision, bytes })
  state.detailsWanted = true
}

export function keepRequest(state: MachineState, held: HeldRequest): void {
  state.requests.set(held.row.id, held)
  state.liveBytes += held.bytes
  touchTransaction(state)
}

/** No-op for one that does not wait. */
export function endRequest(state: MachineState, id: string, end: RequestEnd): void {
  const held = state.requests.get(id)
  if (held === undefined) return
  state.requests.delete(id)
  state.liveBytes -= held.bytes
  state.endedRequests.set(id, end)
  for (const oldest of state.endedRequests.keys()) {
    if (state.endedRequests.size <= MAX_ENDED) break
    state.endedRequests.delete(oldest)
  }
  state.detailsWanted = true
  touchTransaction(state)
}

/** What nobody approved in time goes; the exception is as it was. */
export function dropExpired(state: MachineState): void {
  for (const { row } of state.requests.values())
    if (isExpired(row, state.at)) endRequest(state, row.id, "expired")
}

export function isExpired({ expires_at }: ApprovalRequest, at: number): boolean {
  return expires_at <= at
}

export function requestAbout(state: MachineState, task: string | null): ApprovalRequest | undefined {
  for (const { row } of state.requests.values()) if (row.task === task) return row
  return undefined
}

export function pendingApprovals(state: MachineState): ApprovalRequest[] {
  return Array.from(state.requests.values(), ({ row }) => row)
}

export function firstExpiry(state: MachineState): number | undefined {
  if (state.requests.size === 0) return undefined
  return Math.min(...pendingApprovals(state).map(({ expires_at }) => expires_at))
}

/** What it takes of the live room. */
export function sizeOf(decision: Decision): number {
  return jsonSize(decision, Number.MAX_SAFE_INTEGER)
}

function isOfUndo(state: MachineState, { action }: Decision): boolean {
  if (action === "mark_compensated" || action === "waive_compensation") return true
  return action === "retry" && state.mode === "compensating"
}
