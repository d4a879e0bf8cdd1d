/** Retrying by exception: the same decision as `retry` of its task, or of its transaction if that has failed. */
import type { Decision } from "../contract/messages.ts"
import type { ApiServices } from "./dependencies.ts"
import { getException, isOpen } from "./exception-view.ts"
import { ApiProblem } from "./problem.ts"
import { retryTransaction } from "./retry-transaction.ts"
import { findTaken } from "./taken-decision.ts"
import { getTransaction } from "./transaction-view.ts"

/** @throws {ApiProblem} `exception_not_found`; `not_parked` when it is not open any more; as `retryTransaction`. */
export async function retryException(
  services: ApiServices,
  { tenant, id, decision }: { tenant: string; id: number; decision: Decision },
): Promise<void> {
  const exception = await getException(services, { tenant, id })
  const { path, instance_id } = exception
  const request = { tenant, instance_id, decision: { ...decision, ...(path === "" ? {} : { task: path }) } }
  if (exception.resolved_by === decision.id) {
    // A repeat of what was carried out, whose answer was lost.
    const transaction = await getTransaction(services, { tenant, instance_id })
    if (await findTaken(services, { tenant, transaction, decision: request.decision })) return
  } else {
    // A record that was resolved must not retry what stopped after it.
    if (!isOpen(exception)) throw new ApiProblem("not_parked")
    if (path === "" && exception.transaction_status !== "failed") throw new ApiProblem("not_parked")
  }
  await retryTransaction(services, request)
}
