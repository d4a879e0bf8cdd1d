/**
 * Carrying a person's decision to the workflow, which judges it. A decision's id is its `Idempotency-Key`: the
 * workflow answers a known id as it did before, and the decision table answers for runs that are over.
 */
import { ApplicationFailure, WorkflowNotFoundError, WorkflowUpdateFailedError } from "@temporalio/client"
import { type Decision, type DecisionAnswer, REFUSED_FAILURE, UPDATE_DECIDE } from "../contract/messages.ts"
import { isEndStatus } from "../contract/statuses.ts"
import { findDecision, type RecordedDecision } from "../store/queries/find-decision.ts"
import type { WholeTransactionRow } from "../store/queries/find-transaction.ts"
import { askTemporal } from "./ask-temporal.ts"
import type { ApiServices } from "./dependencies.ts"
import { ApiProblem, isRefusal } from "./problem.ts"
import { getTransaction } from "./transaction-view.ts"

export interface DecisionRequest {
  tenant: string
  instance_id: string
  decision: Decision
}

/**
 * @throws {ApiProblem} `transaction_not_found`, a refusal (nothing was changed), or `temporal_unavailable`: then
 * the same id may be sent again, and is carried out once.
 */
export async function decide(services: ApiServices, request: DecisionRequest): Promise<DecisionAnswer> {
  const { tenant, instance_id, decision } = request
  const transaction = await getTransaction(services, { tenant, instance_id })
  const recorded = await findDecision(services.pool, { tenant, instance_id, decision_id: decision.id })
  if (recorded !== undefined) return toAnswer(recorded)
  try {
    return await update(services, transaction.workflow_id, decision)
  } catch (error) {
    if (!isGone(error)) throw toRefusal(error)
    return await decideWithoutRun(services, request, transaction)
  }
}

/**
 * Retries what can be retried: every parked task of an open transaction, or a failed one from where it stopped.
 * @throws {ApiProblem} as `decide`, and `nothing_to_retry`.
 */
export async function retryTransaction(services: ApiServices, request: DecisionRequest): Promise<void> {
  const { status } = await getTransaction(services, request)
  if (isEndStatus(status) && status !== "failed") throw new ApiProblem("nothing_to_retry")
  if (status !== "failed" && (await retryParked(services, request)) === "retried") return
  // The run is over: whether it failed is Temporal's to say, the mirror can be a moment behind.
  if (await isRecorded(services, request)) return
  const resumed = await resume(services, request)
  if (resumed === "resumed") return
  // Somebody else resumed it first: what is parked in the new run may be retried.
  if (resumed === "already_running" && (await retryParked(services, request)) === "retried") return
  throw new ApiProblem("nothing_to_retry")
}

async function resume(
  services: ApiServices,
  { tenant, instance_id, decision }: DecisionRequest,
): Promise<string> {
  try {
    return await askTemporal(services.client, () => services.dispatcher.resume(tenant, instance_id, decision))
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

async function isRecorded(
  { pool }: ApiServices,
  { tenant, instance_id, decision }: DecisionRequest,
): Promise<boolean> {
  return (await findDecision(pool, { tenant, instance_id, decision_id: decision.id })) !== undefined
}

/** Temporal has no open run: it is over, or it was never started. */
async function decideWithoutRun(
  services: ApiServices,
  { tenant, instance_id, decision }: DecisionRequest,
  transaction: WholeTransactionRow,
): Promise<DecisionAnswer> {
  // Decided and ended within one moment: the record may have come after the first look.
  const recorded = await findDecision(services.pool, { tenant, instance_id, decision_id: decision.id })
  if (recorded !== undefined) return toAnswer(recorded)
  if (transaction.dispatched_at !== null) throw new ApiProblem("ended")
  await askTemporal(services.client, () => services.dispatcher.dispatch(tenant, instance_id))
  try {
    return await update(services, transaction.workflow_id, decision)
  } catch (error) {
    throw isGone(error) ? new ApiProblem("ended", { cause: error }) : toRefusal(error)
  }
}

async function update(
  { client }: ApiServices,
  workflowId: string,
  decision: Decision,
): Promise<DecisionAnswer> {
  const handle = client.workflow.getHandle(workflowId)
  return askTemporal(client, () =>
    handle.executeUpdate<DecisionAnswer, [Decision]>(UPDATE_DECIDE, {
      args: [decision],
      updateId: decision.id,
    }),
  )
}

function isGone(error: unknown): boolean {
  return error instanceof WorkflowNotFoundError || failureType(error) === "AcceptedUpdateCompletedWorkflow"
}

function toRefusal(error: unknown): unknown {
  if (!(error instanceof WorkflowUpdateFailedError) || failureType(error) !== REFUSED_FAILURE) return error
  const word = error.cause instanceof ApplicationFailure ? String(error.cause.details?.[0]) : ""
  return isRefusal(word) ? new ApiProblem(word, { cause: error }) : error
}

function failureType(error: unknown): string | undefined {
  if (!(error instanceof WorkflowUpdateFailedError)) return undefined
  return error.cause instanceof ApplicationFailure ? (error.cause.type ?? undefined) : undefined
}

function toAnswer({ decision_id, after }: RecordedDecision): DecisionAnswer {
  return {
    decision_id,
    ...after,
    tasks: after.tasks.map(({ path, status }) => ({ path, status })),
  }
}
