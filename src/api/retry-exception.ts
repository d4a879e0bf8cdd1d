/** Retrying by exception: the same decision as `retry` of its task, or of its transaction if that has failed. */
import type { Decision } from "../contract/messages.ts"
import type { ApiServices } from "./dependencies.ts"
import { getException, isOpen } from "./exception-view.ts"
import { ApiProblem } from "./problem.ts"
import { isRecorded, retryTransaction } from "./retry-transaction.ts"

/** @throws {ApiProblem} `exception_not_found`; `not_parked` when it is not open any more; as `retryTransaction`. */
export async function retryException(
  services: ApiServices,
  { tenant, id, decision }: { tenant: string; id: number; decision: Decision },
): Promise<void> {
  const exception = await getException(services, { tenant, id })
  const { path, instance_id } = exception
  const request = { tenant, instance_id, decision: { ...decision, ...(path === "" ? {} : { task: path }) } }
  // A repeat of what was carried out, whose answer was lost.
  if (exception.resolved_by === decision.id) {
    await isRecorded(services, request)
    return
  }
  // A record that was resolved must not retry what stopped after it.
  if (!isOpen(exception)) throw new ApiProblem("not_parked")
  if (path === "" && exception.transaction_status !== "failed") throw new ApiProblem("not_parked")
  await retryTransaction(services, request)
}
