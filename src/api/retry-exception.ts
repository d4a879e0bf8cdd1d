/** Retrying by exception: the same decision as `retry` of its task. */
import type { Decision } from "../contract/messages.ts"
import { decide } from "./decide.ts"
import type { ApiServices } from "./dependencies.ts"
import { getException } from "./exception-view.ts"
import { ApiProblem } from "./problem.ts"

/** @throws {ApiProblem} `exception_not_found`, or the refusal: `not_parked` when it is not open any more. */
export async function retryException(
  services: ApiServices,
  { tenant, id, decision }: { tenant: string; id: number; decision: Decision },
): Promise<void> {
  const { path, state, instance_id } = await getException(services, { tenant, id })
  // A record that was resolved must not retry what stopped after it.
  if (path === "" || (state !== "open" && state !== "reopened")) throw new ApiProblem("not_parked")
  await decide(services, { tenant, instance_id, decision: { ...decision, task: path } })
}
