import type { BulkAction } from "../../contract/bulk.ts"
import type { ApiServices } from "../dependencies.ts"
import { toAsked } from "../four-eyes.ts"
import { ApiProblem } from "../problem.ts"

/** A second person looks at each case: nobody can look at a thousand at once. @throws {ApiProblem} `approval_needed`. */
export async function refuseApprovals(
  services: ApiServices,
  { tenant, action, actor }: { tenant: string; action: BulkAction; actor: string },
): Promise<void> {
  const asked = await toAsked(services, { tenant, decision: { id: "", action, actor } })
  if (asked.action === "propose") throw new ApiProblem("approval_needed")
}
