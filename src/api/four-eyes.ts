/**
 * Whether a decision waits for a second person. Such a one goes to the workflow as a proposal: a word of its own, so
 * that no worker, whatever its build, carries it out at once.
 */
import { needsSecondPerson } from "../contract/four-eyes.ts"
import type { Decision } from "../contract/messages.ts"
import { isProposable } from "../contract/statuses.ts"
import { findApprovers } from "../store/queries/find-approvers.ts"
import type { ApiServices } from "./dependencies.ts"
import { ApiProblem } from "./problem.ts"
import { ROLES, SCOPES_OF_ROLE } from "./roles.ts"
import type { Scope } from "./scopes.ts"

export const APPROVE_SCOPE: Scope = "transactions:approve"
const APPROVING_ROLES = ROLES.filter((role) => SCOPES_OF_ROLE[role].includes(APPROVE_SCOPE))

/**
 * What is sent to the workflow. Where nobody but the actor could approve, and where callers are not told apart, that
 * is the decision as it is.
 * @throws {ApiProblem} `no_approver` when nobody may approve, the actor neither.
 */
export async function toAsked(
  { pool, auth, logger, fourEyes = [] }: ApiServices,
  { tenant, decision }: { tenant: string; decision: Decision },
): Promise<Decision> {
  const { action, actor } = decision
  if (auth.mode === "off" || !isProposable(action) || !needsSecondPerson(decision, fourEyes)) return decision
  const who = { tenant, actor, scope: APPROVE_SCOPE, roles: APPROVING_ROLES }
  const approvers = await findApprovers(pool, who)
  if (approvers.others) return { ...decision, action: "propose", proposed: action }
  if (!approvers.self) throw new ApiProblem("no_approver")
  logger.warn({ tenant, actor, action }, "decided alone: nobody else could approve it")
  return decision
}
