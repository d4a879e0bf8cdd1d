/** What is on record of a decision, where the run that took it does not contradict. */
import { WorkflowNotFoundError } from "@temporalio/client"
import { knownSince } from "../contract/known-since.ts"
import type { Decision } from "../contract/messages.ts"
import type { View } from "../contract/rows.ts"
import { deleteDecision } from "../store/queries/delete-decision.ts"
import { findDecision, type RecordedDecision } from "../store/queries/find-decision.ts"
import type { WholeTransactionRow } from "../store/queries/find-transaction.ts"
import { askTemporal } from "./ask-temporal.ts"
import type { ApiServices } from "./dependencies.ts"
import { ApiProblem } from "./problem.ts"
import { refuseAnother } from "./same-decision.ts"
import { askWorkflow } from "./transaction-view.ts"

interface Asked {
  tenant: string
  transaction: WholeTransactionRow
  decision: Decision
}

/**
 * A worker puts a decision on record before Temporal has it, and may die in between: an open run is asked.
 * @returns undefined where nothing is on record, or where the run never took what is.
 * @throws {ApiProblem} `idempotency_key_reused` where its id is another decision's, `temporal_unavailable`.
 */
export async function findTaken(
  services: ApiServices,
  { tenant, transaction, decision }: Asked,
): Promise<RecordedDecision | undefined> {
  const { instance_id, workflow_id } = transaction
  const recorded = await findDecision(services.pool, { tenant, instance_id, decision_id: decision.id })
  if (recorded === undefined) return undefined
  refuseAnother(recorded, decision)
  if (!(await contradicts(services, workflow_id, recorded))) return recorded
  // It makes room for the record of what is taken now, which may have another reason.
  await deleteDecision(services.pool, { tenant, instance_id, ...recorded })
  return undefined
}

async function contradicts(
  services: ApiServices,
  workflowId: string,
  { decision_id, decided_at }: RecordedDecision,
): Promise<boolean> {
  const run = await findOpenRun(services, workflowId)
  // One from before the run is another run's, which nothing here speaks against.
  if (run === undefined || decided_at.getTime() <= run.startedAt) return false
  const view = await askView(services, workflowId)
  if (view === undefined || view.decisions.some((known) => known.decision_id === decision_id)) return false
  return decided_at.getTime() > knownSince(run.startedAt, view.decisions)
}

/** Undefined also where this build cannot read the run: then nothing speaks against the record. */
async function askView(services: ApiServices, workflowId: string): Promise<View | undefined> {
  try {
    return await askWorkflow(services, workflowId)
  } catch (thrown) {
    if (thrown instanceof ApiProblem && thrown.word === "run_unreadable") return undefined
    throw thrown
  }
}

async function findOpenRun(
  { client }: ApiServices,
  workflowId: string,
): Promise<{ startedAt: number } | undefined> {
  try {
    const { status, startTime } = await askTemporal(client, () =>
      client.workflow.getHandle(workflowId).describe(),
    )
    return status.name === "RUNNING" ? { startedAt: startTime.getTime() } : undefined
  } catch (thrown) {
    if (thrown instanceof WorkflowNotFoundError) return undefined
    throw thrown
  }
}
