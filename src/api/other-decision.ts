/** Whose decision was in the way: what a person is told who was refused for it (design 4.6). */
import type { Decision } from "../contract/messages.ts"
import type { View } from "../contract/rows.ts"
import type { WholeTransactionRow } from "../store/queries/find-transaction.ts"
import type { ApiServices } from "./dependencies.ts"
import { ApiProblem } from "./problem.ts"
import { askWorkflow } from "./transaction-view.ts"

interface Refused {
  transaction: WholeTransactionRow
  /** As it was sent to the workflow. */
  asked: Decision
}

/** Any other refusal as it is; a stale version with who was faster, a pending request with whose it is. */
export async function nameOther(
  services: ApiServices,
  { transaction, asked }: Refused,
  refusal: unknown,
): Promise<unknown> {
  if (!(refusal instanceof ApiProblem)) return refusal
  const { word, title } = refusal
  if (word !== "stale_version" && word !== "request_pending") return refusal
  // It is refused whether or not the run tells more of it now.
  const view = await askWorkflow(services, transaction.workflow_id).catch(() => undefined)
  if (view === undefined) return refusal
  const detail =
    word === "stale_version" ? describeWinner(view, asked) : describePending(view, { asked, title })
  return detail === undefined ? refusal : new ApiProblem(word, { detail, cause: refusal })
}

function describeWinner(
  { transaction, decisions }: View,
  { expected_version: expected = 0 }: Decision,
): string {
  const moved = `The transaction has moved on: the decision was made for version ${expected}, and it has version ${transaction.version} now`
  const last = decisions.at(-1)
  if (last === undefined || last.after.version <= expected) return `${moved}.`
  const what = last.task === null ? last.action : `${last.action} of ${last.task}`
  return `${moved}. Its last decision is ${what}, by ${last.actor} (decision_id ${last.decision_id}).`
}

function describePending(
  { transaction }: View,
  { asked, title }: { asked: Decision; title: string },
): string | undefined {
  const pending = transaction.pending_approvals?.find(({ task }) => task === (asked.task ?? null))
  if (pending === undefined) return undefined
  return `${title} It is ${JSON.stringify(pending.id)}, ${pending.action}, by ${pending.requester}.`
}
