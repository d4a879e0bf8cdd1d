/** What becomes of decisions that wait for a second person, when she has said yes or the transaction has moved on. */
import type { Decision } from "../contract/messages.ts"
import type { Approval } from "../contract/rows.ts"
import { refuseHeld } from "./refuse.ts"
import { rolesOf } from "./record-decision.ts"
import { dropExpired, endRequest } from "./requests.ts"
import type { MachineState } from "./state.ts"

export interface Approved {
  /** Its actor is who asked for it. */
  decision: Decision
  approvals: Approval[]
}

/** What an `approve` that was let pass lets happen; undefined for any other decision. */
export function approvedBy(state: MachineState, approval: Decision): Approved | undefined {
  if (approval.action !== "approve") return undefined
  const held = state.requests.get(approval.request ?? "")
  if (held === undefined)
    throw new Error(`an approval of the unknown request ${approval.request} was let pass`)
  const { id, actor, reason } = approval
  const approvals = [
    { actor, roles: rolesOf(approval) ?? [], reason: reason ?? null, at: state.now, update_id: id },
  ]
  return { decision: held.decision, approvals }
}

/** Q2, after whatever happened. */
export function dropOutdated(state: MachineState): void {
  if (state.requests.size === 0) return
  dropExpired(state)
  for (const held of state.requests.values())
    if (refuseHeld(state, held) !== undefined) endRequest(state, held.row.id, "superseded")
}
