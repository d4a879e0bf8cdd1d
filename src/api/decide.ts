/**
 * Carrying a person's decision to the workflow, which judges it. A decision's id is its `Idempotency-Key`: the
 * workflow answers a known id as it did before, and the decision table answers for runs that are over.
 */
import { ApplicationFailure, WorkflowNotFoundError, WorkflowUpdateFailedError } from "@temporalio/client"
import { type Decision, type DecisionAnswer, REFUSED_FAILURE, UPDATE_DECIDE } from "../contract/messages.ts"
import type { DecisionRow } from "../contract/rows.ts"
import { isEndStatus } from "../contract/statuses.ts"
import { findDecision, type RecordedDecision } from "../store/queries/find-decision.ts"
import type { WholeTransactionRow } from "../store/queries/find-transaction.ts"
import { askTemporal, TEMPORAL_PATIENCE_MS, temporalUnavailable } from "./ask-temporal.ts"
import type { ApiServices } from "./dependencies.ts"
import { toAsked } from "./four-eyes.ts"
import { ApiProblem, isRefusal } from "./problem.ts"
import { nameOther } from "./other-decision.ts"
import { refuseAnother } from "./same-decision.ts"
import { findTaken } from "./taken-decision.ts"
import { askWorkflow, getTransaction } from "./transaction-view.ts"

export interface DecisionRequest {
  tenant: string
  instance_id: string
  decision: Decision
}

/**
 * @throws {ApiProblem} `transaction_not_found`, `idempotency_key_reused` where the id is another decision's, a refusal
 * (nothing was changed), or `temporal_unavailable`: then the same id may be sent again, and is carried out once.
 */
export async function decide(services: ApiServices, request: DecisionRequest): Promise<DecisionAnswer> {
  const { tenant, instance_id, decision } = request
  const transaction = await getTransaction(services, { tenant, instance_id })
  const taken = await findTaken(services, { tenant, transaction, decision })
  if (taken !== undefined) return toAnswer(taken, decision)
  const asked = await toAsked(services, request)
  try {
    return await update(services, transaction.workflow_id, asked)
  } catch (error) {
    if (!isGone(error)) throw await nameOther(services, { transaction, asked }, toRefusal(error))
    return await decideWithoutRun(services, { ...request, decision: asked }, transaction)
  }
}

/** Temporal has no open run: it is over, or it was never started. */
async function decideWithoutRun(
  services: ApiServices,
  { tenant, instance_id, decision }: DecisionRequest,
  transaction: WholeTransactionRow,
): Promise<DecisionAnswer> {
  // An answer can be lost together with its run, when that continued as new or ended. The mirror may not have heard
  // of the decision yet; the last run carries it.
  const recorded =
    (await findDecision(services.pool, { tenant, instance_id, decision_id: decision.id })) ??
    (await findInRun(services, transaction, decision.id))
  if (recorded !== undefined) return toAnswer(recorded, decision)
  if (transaction.dispatched_at !== null) throw new ApiProblem("ended")
  await askTemporal(services.client, () => services.dispatcher.dispatch(tenant, instance_id))
  try {
    return await update(services, transaction.workflow_id, decision)
  } catch (error) {
    throw isGone(error) ? new ApiProblem("ended", { cause: error }) : toRefusal(error)
  }
}

/** What the mirror had seen the end of took no decision that it has not seen. */
async function findInRun(
  services: ApiServices,
  { status, workflow_id }: WholeTransactionRow,
  decisionId: string,
): Promise<DecisionRow | undefined> {
  if (isEndStatus(status)) return undefined
  const view = await askWorkflow(services, workflow_id)
  return view?.decisions.find(({ decision_id }) => decision_id === decisionId)
}

/**
 * Temporal takes 10 updates of one run at once. What comes beyond that aborts those under way, so that callers who
 * try again keep a run from ever answering (seen with server 1.31): 3 leave room for other API processes.
 */
export const UPDATES_AT_ONCE = 3

async function update(
  { client, decisionTurns }: ApiServices,
  workflowId: string,
  decision: Decision,
): Promise<DecisionAnswer> {
  const handle = client.workflow.getHandle(workflowId)
  const ask = () =>
    askTemporal(client, () =>
      handle.executeUpdate<DecisionAnswer, [Decision]>(UPDATE_DECIDE, {
        args: [decision],
        updateId: decision.id,
      }),
    )
  return decisionTurns.take(workflowId, ask, {
    patienceMs: TEMPORAL_PATIENCE_MS,
    tooLate: () => temporalUnavailable(new Error("too many decisions for this transaction are waiting")),
  })
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

function toAnswer(recorded: RecordedDecision | DecisionRow, decision: Decision): DecisionAnswer {
  refuseAnother(recorded, decision)
  const { decision_id, after } = recorded
  return {
    decision_id,
    ...after,
    tasks: after.tasks.map(({ path, status }) => ({ path, status })),
  }
}
