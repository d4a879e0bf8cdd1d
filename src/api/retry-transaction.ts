/** A person's `retry`: of what is parked in an open run, or of a failed one from where it stopped. */
import { WorkflowNotFoundError } from "@temporalio/client"
import { assertNever } from "../contract/errors.ts"
import { isEndStatus } from "../contract/statuses.ts"
import type { ResumeAnswer } from "../store/dispatch.ts"
import type { Duplicate } from "../store/queries/claim-once.ts"
import { findHolder, type Once } from "../store/queries/find-holder.ts"
import type { WholeTransactionRow } from "../store/queries/find-transaction.ts"
import { askTemporal } from "./ask-temporal.ts"
import { decide, type DecisionRequest } from "./decide.ts"
import type { ApiServices } from "./dependencies.ts"
import { ApiProblem } from "./problem.ts"
import { findTaken } from "./taken-decision.ts"
import { getTransaction } from "./transaction-view.ts"
import { hasGivenUp } from "./wait-for-end.ts"

/**
 * Retries what can be retried: every parked task of an open transaction, or the one that the decision names; a
 * failed transaction goes on from where it stopped.
 * @throws {ApiProblem} as `decide`, and `nothing_to_retry` or `orchestrator_lost` for one that is over for good, and
 * `redone_already` or `business_key_taken` for a failed one that another took the place of.
 */
export async function retryTransaction(services: ApiServices, request: DecisionRequest): Promise<void> {
  const row = await getTransaction(services, request)
  const { status } = row
  if (isEndStatus(status) && status !== "failed") throw new ApiProblem("nothing_to_retry")
  if (status !== "failed" && (await retryParked(services, request)) === "retried") return
  // The run is over: whether it failed is Temporal's to say, the mirror can be a moment behind.
  const { tenant, decision } = request
  if (await findTaken(services, { tenant, transaction: row, decision })) return
  await refuseReplaced(services, tenant, row)
  const resumed = await resume(services, request)
  if (typeof resumed === "object") throw replaced(resumed, row)
  switch (resumed) {
    case "resumed":
      return
    case "already_running":
      // Somebody else resumed it first: what is parked in the new run may be retried.
      if ((await retryParked(services, request)) === "retried") return
      throw new ApiProblem("nothing_to_retry")
    case "not_failed":
      throw new ApiProblem("nothing_to_retry", {
        detail: "The transaction has ended otherwise than by failing, so it cannot go on: start a new one.",
      })
    case "orchestrator_lost":
      throw new ApiProblem("orchestrator_lost")
    default:
      assertNever(resumed)
  }
}

/**
 * What another transaction does in its place must not be done by both. The dispatcher looks again, where nobody can
 * come between; this spares it reading the failed run.
 */
async function refuseReplaced(
  services: ApiServices,
  tenant: string,
  row: WholeTransactionRow,
): Promise<void> {
  const { flow_id, flow_version: version, instance_id, business_key } = row
  const find = async (column: Once, value: string) => {
    const claim = { tenant, flow_id, instance_id, in: column, value }
    const holder = await findHolder(services.pool, claim)
    if (holder === undefined || (await hasGivenUp(services, { tenant, instance_id: holder }))) return
    throw replaced({ in: column, instance_id: holder }, row)
  }
  await find("redo_of", row.redo_of ?? instance_id)
  if (business_key === null) return
  const { plan } = await services.flowVersions.get({ tenant, flow_id, version })
  if (plan.on_duplicate !== undefined) await find("business_key", business_key)
}

function replaced(
  other: Pick<Duplicate, "in" | "instance_id">,
  { business_key }: WholeTransactionRow,
): ApiProblem {
  const name = JSON.stringify(other.instance_id)
  if (other.in === "redo_of")
    return new ApiProblem("redone_already", { detail: `It is done again, as ${name}.` })
  return new ApiProblem("business_key_taken", {
    detail: `The business key ${JSON.stringify(business_key)} belongs to the transaction ${name} by now.`,
  })
}

async function resume(
  services: ApiServices,
  { tenant, instance_id, decision }: DecisionRequest,
): Promise<ResumeAnswer> {
  // All failed tasks go on, whichever of them was pointed at.
  const { task: _one, ...whole } = decision
  try {
    return await askTemporal(services.client, () => services.dispatcher.resume(tenant, instance_id, whole))
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error
    throw new ApiProblem("nothing_to_retry", {
      detail: "Temporal no longer keeps this run, so it cannot go on: start a new transaction.",
      cause: error,
    })
  }
}

async function retryParked(services: ApiServices, request: DecisionRequest): Promise<"retried" | "ended"> {
  try {
    await decide(services, request)
    return "retried"
  } catch (error) {
    if (!(error instanceof ApiProblem)) throw error
    if (error.word === "ended") return "ended"
    throw error.word === "nothing_parked" ? new ApiProblem("nothing_to_retry", { cause: error }) : error
  }
}
