import { WorkflowNotFoundError } from "@temporalio/client"
import { toError } from "../../contract/errors.ts"
import type { TransactionKey } from "../../store/queries/transaction-key.ts"
import { findGrpcCode, isTemporalAway } from "../../store/temporal/errors.ts"
import type { ListedRun } from "../../store/temporal/list-runs.ts"
import { adopt } from "./adopt.ts"
import { createCooldown } from "./cooldown.ts"
import type { SweepContext } from "./parts.ts"

/** `foreign`: none of Holdfast's, or no longer there. `failed`: to be tried again later. */
export type Adoption = { kind: "adopted"; key: TransactionKey } | { kind: "foreign" } | { kind: "failed" }

const DEADLINE_MS = 10_000
const NOT_FOUND = 5

/** Adopts runs one by one. Never throws: a run that cannot be adopted is logged and cools, and holds up no other. */
export function createAdopter(
  context: Pick<SweepContext, "pool" | "client" | "logger">,
): (run: Pick<ListedRun, "workflowId" | "runId">) => Promise<Adoption> {
  const cooldown = createCooldown({ firstMs: 2_000, longestMs: 60_000 })
  const { client, logger } = context
  return async ({ workflowId, runId }) => {
    if (cooldown.isCooling(runId)) return { kind: "failed" }
    try {
      const run = { workflowId, runId }
      const key = await client.withDeadline(Date.now() + DEADLINE_MS, () => adopt(context, run))
      cooldown.succeed(runId)
      return key ? { kind: "adopted", key } : { kind: "foreign" }
    } catch (thrown) {
      // Deleted since it was listed.
      if (isNotFound(thrown)) return { kind: "foreign" }
      cooldown.fail(runId)
      if (!isTemporalAway(thrown))
        logger.warn({ workflowId, runId, error: toError(thrown).message }, "a workflow cannot be given a row")
      return { kind: "failed" }
    }
  }
}

function isNotFound(thrown: unknown): boolean {
  return thrown instanceof WorkflowNotFoundError || findGrpcCode(thrown) === NOT_FOUND
}
