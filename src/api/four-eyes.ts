/**
 * Whether a decision waits for a second person. Such a one goes to the workflow as a proposal: a word of its own, so
 * that no worker, whatever its build, carries it out at once.
 */
import { needsSecondPerson } from "../contract/four-eyes.ts"
import type { Decision } from "../contract/messages.ts"
import { isProposable } from "../contract/statuses.ts"
import { hasOtherApprover } from "../store/queries/has-other-approver.ts"
import type { ApiServices } from "./dependencies.ts"
import { ROLES, SCOPES_OF_ROLE } from "./roles.ts"
import type { Scope } from "./scopes.ts"

export const APPROVE_SCOPE: Scope = "transactions:approve"
const APPROVING_ROLES = ROLES.filter((role) => SCOPES_OF_ROLE[role].includes(APPROVE_SCOPE))

/**
 * What is sent to the workflow. Where nobody but the actor could ever approve, and where callers are not told apart,
 * that is the decision as it is.
 */
export async function toAsked(
  { pool, auth, fourEyes = [] }: ApiServices,
  { tenant, decision }: { tenant: string; decision: Decision },
): Promise<Decision> {
  const { action, actor } = decision
  if (auth.mode === "off" || !isProposable(action) || !needsSecondPerson(decision, fourEyes)) return decision
  const others = { tenant, actor, scope: APPROVE_SCOPE, roles: APPROVING_ROLES }
  if (!(await hasOtherApprover(pool, others))) return decision
  return { ...decision, action: "propose", proposed: action }
}
