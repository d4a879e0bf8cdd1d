/** Who was faster: what a person is told whose decision was made for a version that is over (design 4.6). */
import type { Decision } from "../contract/messages.ts"
import type { View } from "../contract/rows.ts"
import type { ApiServices } from "./dependencies.ts"
import { ApiProblem } from "./problem.ts"
import { askWorkflow } from "./transaction-view.ts"

interface StaleDecision {
  workflowId: string
  decision: Decision
}

/** Any other refusal as it is; this one with the version that the transaction has now, and whose decision made it. */
export async function nameWinner(
  services: ApiServices,
  { workflowId, decision }: StaleDecision,
  refusal: unknown,
): Promise<unknown> {
  if (!(refusal instanceof ApiProblem) || refusal.word !== "stale_version") return refusal
  // It is refused whether or not the run tells more of it now.
  const view = await askWorkflow(services, workflowId).catch(() => undefined)
  if (view === undefined) return refusal
  return new ApiProblem("stale_version", { detail: explain(view, decision), cause: refusal })
}

function explain({ transaction, decisions }: View, { expected_version: expected = 0 }: Decision): string {
  const moved = `The transaction has moved on: the decision was made for version ${expected}, and it has version ${transaction.version} now`
  const last = decisions.at(-1)
  if (last === undefined || last.after.version <= expected) return `${moved}.`
  const what = last.task === null ? last.action : `${last.action} of ${last.task}`
  return `${moved}. Its last decision is ${what}, by ${last.actor} (decision_id ${last.decision_id}).`
}
