/** A decision's id belongs to one decision: whether what was recorded under it is what is asked for now. */
import type { Decision } from "../contract/messages.ts"
import type { RecordedDecision } from "../store/queries/find-decision.ts"
import { ApiProblem } from "./problem.ts"

type Recorded = Pick<RecordedDecision, "action" | "task" | "before" | "after">

/** @throws {ApiProblem} `idempotency_key_reused`: nothing of what is asked for was done under this id. */
export function refuseAnother(recorded: Recorded, decision: Decision): void {
  if (isSame(recorded, decision)) return
  const { task } = recorded
  const what = task === null ? actionOf(recorded) : `${actionOf(recorded)} of ${task}`
  throw new ApiProblem("idempotency_key_reused", {
    detail: `This Idempotency-Key was used for another decision: ${what}.`,
  })
}

function isSame(recorded: Recorded, { action, proposed, task, request }: Decision): boolean {
  if (actionOf(recorded) !== (proposed ?? action)) return false
  // Of approve and reject.
  if (recorded.before.request !== undefined && recorded.before.request.id !== request) return false
  return wasResumed(recorded) || recorded.task === (task ?? null)
}

/** What waits for a second person is recorded as its proposal. */
function actionOf({ action, after }: Recorded): string {
  return action === "propose" ? (after.request?.action ?? action) : action
}

/** A failed transaction goes on as a whole, whichever task was pointed at. */
function wasResumed({ action, task, before }: Recorded): boolean {
  return action === "retry" && task === null && before.status === "failed"
}
