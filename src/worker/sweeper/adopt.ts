import { TENANT_PATTERN } from "../../contract/messages.ts"
import { toWorkflowId } from "../../contract/names.ts"
import { adoptTransaction } from "../../store/queries/adopt-transaction.ts"
import type { TransactionKey } from "../../store/queries/list-orphans.ts"
import { findIdentity, readStart } from "../../store/temporal/read-start.ts"
import type { SweepContext } from "./parts.ts"

/**
 * Makes the row of a transaction that only Temporal knows. @returns its key; undefined when the run is none of
 * Holdfast's: its start input does not say, under its own workflow id, whose transaction it is.
 *
 * @param startedAt of the transaction, where it began before this run.
 */
export async function adopt(
  { pool, client, logger }: Pick<SweepContext, "pool" | "client" | "logger">,
  { workflowId, runId, startedAt }: { workflowId: string; runId: string; startedAt?: Date },
): Promise<TransactionKey | undefined> {
  const identity = findIdentity(await readStart(client, { workflowId, runId }))
  if (!identity || !TENANT_PATTERN.test(identity.tenant)) return undefined
  const { tenant, transaction: transaction_id, plan_hash, params } = identity
  if (toWorkflowId(tenant, transaction_id) !== workflowId) return undefined
  const { type, memo = {}, startTime } = await client.workflow.getHandle(workflowId, runId).describe()
  const { flow_id, version, business_key } = memo
  const isNew = await adoptTransaction(pool, {
    tenant,
    transaction_id,
    workflow_id: workflowId,
    workflow_type: type,
    plan_hash,
    params,
    flow_id: typeof flow_id === "string" ? flow_id : null,
    flow_version: typeof version === "number" ? version : null,
    business_key: typeof business_key === "string" ? business_key : null,
    started_at: startedAt ?? startTime,
  })
  if (isNew)
    logger.warn({ tenant, transaction: transaction_id }, "a transaction had no row: made from its workflow")
  return { tenant, transaction_id }
}
