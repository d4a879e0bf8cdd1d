import type { Decision } from "../contract/messages.ts"
import { decisionState, recordDecision } from "./record-decision.ts"
import { recountEdges, UPSTREAM_FAILED } from "./edges.ts"
import { closeException, TRANSACTION } from "./exceptions.ts"
import { type MachineState, setStatus, statusOf, touchTransaction } from "./state.ts"

/** A failed run goes on: failed tasks are tried again, what they pruned waits again, the rest stays done. */
export function resumeFailed(state: MachineState, decision: Decision): void {
  const failed: number[] = []
  for (let task = 0; task < state.plan.tasks.length; task++)
    if (statusOf(state, task) === "failed") failed.push(task)
  const before = decisionState(state, failed)
  for (let task = 0; task < state.plan.tasks.length; task++) {
    const pruned = statusOf(state, task) === "pruned" && state.tasks.reason[task] === UPSTREAM_FAILED
    if (!pruned && statusOf(state, task) !== "failed") continue
    setStatus(state, task, "pending")
    state.tasks.reason[task] = null
    state.tasks.endedAt[task] = 0
    closeException(state, task, { state: "resolved", by: decision.id })
  }
  closeException(state, TRANSACTION, { state: "resolved", by: decision.id })
  state.status = "running"
  state.version++
  touchTransaction(state)
  recountEdges(state)
  recordDecision(state, decision, { targets: failed, before })
}
