/** What stays of a decision: the row with what it changed, and the answer that its id gets from now on. */
import type { Decision } from "../contract/messages.ts"
import type { Approval, ApprovalRequest, DecisionRow, DecisionState } from "../contract/rows.ts"
import { type MachineState, outcomeOf, planTask, statusOf } from "./state.ts"

/** A decision about all parked tasks may be about thousands; their own rows say the rest. */
const MAX_NAMED_TASKS = 100

/** The tasks a decision is about, for its record. */
export function decisionState(
  state: MachineState,
  tasks: readonly number[],
  request?: ApprovalRequest,
): DecisionState {
  return {
    version: state.version,
    status: state.status,
    tasks: tasks.slice(0, MAX_NAMED_TASKS).map((task) => ({
      path: planTask(state, task).id,
      status: statusOf(state, task),
      outcome: outcomeOf(state, task),
    })),
    ...moreThan(tasks),
    ...(request === undefined ? {} : { request }),
  }
}

export function recordDecision(
  state: MachineState,
  decision: Decision,
  { targets, before, approvals }: { targets: number[]; before: DecisionState; approvals?: Approval[] },
): void {
  const after = decisionState(state, targets, state.requests.get(decision.id)?.row)
  const roles = rolesOf(decision)
  state.decisions.push({
    decision_id: decision.id,
    action: decision.action,
    task: decision.task ?? null,
    actor: decision.actor,
    ...(roles === undefined ? {} : { roles }),
    reason: decision.reason ?? null,
    attest: decision.attest ?? null,
    executed_externally: decision.executed_externally ?? null,
    evidence: decision.evidence ?? null,
    ...(approvals === undefined ? {} : { approvals }),
    before,
    after,
    at: state.now,
  })
  state.answers.set(decision.id, {
    decision_id: decision.id,
    ...after,
    tasks: after.tasks.map(({ path, status }) => ({ path, status })),
  })
}

/** For the record alone: what is no list of texts is left out, and no reason to refuse. */
export function rolesOf({ roles }: { roles?: unknown }): DecisionRow["roles"] {
  return Array.isArray(roles) ? roles.filter((role) => typeof role === "string") : undefined
}

function moreThan(tasks: readonly number[]): Pick<DecisionState, "more_tasks"> {
  return tasks.length > MAX_NAMED_TASKS ? { more_tasks: tasks.length - MAX_NAMED_TASKS } : {}
}
