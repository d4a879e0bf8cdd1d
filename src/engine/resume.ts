import type { Decision } from "../contract/messages.ts"
import { mayRetry } from "./refuse.ts"
import { decisionState, recordDecision } from "./record-decision.ts"
import { edgeOf, recountEdges } from "./edges.ts"
import { restartClocks } from "./escalation.ts"
import { TRANSACTION } from "./exception-position.ts"
import { closeException, openTaskException, reopenException } from "./exceptions.ts"
import { renewKey } from "./probe.ts"
import { type MachineState, outcomeOf, setStatus, statusOf, touchTransaction } from "./state.ts"

/**
 * A failed run goes on: failed tasks are tried again, what they pruned or what was stopped with them waits again,
 * the rest stays done. What must not be repeated without an attestation parks. The time limit begins anew.
 */
export function resumeFailed(state: MachineState, decision: Decision): void {
  const failed: number[] = []
  for (let task = 0; task < state.plan.tasks.length; task++)
    if (isUnfinished(state, task) && outcomeOf(state, task) !== "not_started") failed.push(task)
  const before = decisionState(state, failed)
  for (let task = 0; task < state.plan.tasks.length; task++) {
    if (!isUnfinished(state, task)) continue
    if (state.tasks.spent[task] === 1 && !isDone(state, task)) renewKey(state, task)
    state.tasks.reason[task] = null
    state.tasks.asking[task] = 0
    state.tasks.endedAt[task] = 0
    if (!mayRetry(state, task, state.now)) {
      setStatus(state, task, "parked")
      askAgain(state, task)
      continue
    }
    setStatus(state, task, "pending")
    closeException(state, task, { state: "resolved", by: decision.id })
  }
  state.fatal = 0
  state.overdue = false
  state.deadlineAt = state.plan.timeout_ms === undefined ? null : state.now + state.plan.timeout_ms
  closeException(state, TRANSACTION, { state: "resolved", by: decision.id })
  restartClocks(state)
  state.status = "running"
  state.version++
  touchTransaction(state)
  recountEdges(state)
  recordDecision(state, decision, { targets: failed, before })
}

/** A person did by hand what was fenced off, and said so. */
function isDone(state: MachineState, task: number): boolean {
  return state.provesRepeats && outcomeOf(state, task) === "executed"
}

/** What ended while the run was stopping was told to nobody, unless its outcome was unknown. */
function askAgain(state: MachineState, task: number): void {
  const error = state.tasks.error[task]
  if (state.exceptions.has(task) || !error || !state.provesRepeats) reopenException(state, task)
  else openTaskException(state, task, { ...error, outcome: outcomeOf(state, task) })
}

/** Failed or pruned by a failure, but not continued; or stopped by one. */
function isUnfinished(state: MachineState, task: number): boolean {
  return statusOf(state, task) === "cancelled" || edgeOf(state, task) === "failed"
}
