/** Calls to Temporal that a caller waits for: bounded in time, and sorted when they fail. */
import { type Client, WorkflowUpdateRPCTimeoutOrCancelledError } from "@temporalio/client"
import { findGrpcCode, isTemporalAway } from "../store/temporal/errors.ts"
import { ApiProblem } from "./problem.ts"

/** Long enough for a worker that has to replay first, shorter than a claim on an `Idempotency-Key` lasts. */
export const TEMPORAL_PATIENCE_MS = 10_000
const FAILED_PRECONDITION = 9

/** @throws {ApiProblem} `temporal_unavailable`; what else was thrown passes through. */
export async function askTemporal<T>(client: Client, ask: () => Promise<T>): Promise<T> {
  try {
    return await client.withDeadline(Date.now() + TEMPORAL_PATIENCE_MS, ask)
  } catch (error) {
    if (!isAway(error)) throw error
    throw temporalUnavailable(error)
  }
}

/** The caller may ask again, under the same id. */
export function temporalUnavailable(cause: unknown): ApiProblem {
  return new ApiProblem("temporal_unavailable", { headers: { "retry-after": "2" }, cause })
}

/** Also when no worker polls, or the run's workflow task fails: FAILED_PRECONDITION to a query. */
function isAway(error: unknown): boolean {
  const isTooLate = error instanceof WorkflowUpdateRPCTimeoutOrCancelledError
  return isTooLate || isTemporalAway(error) || findGrpcCode(error) === FAILED_PRECONDITION
}
