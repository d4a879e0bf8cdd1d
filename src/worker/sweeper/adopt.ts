import { isInstanceId } from "../../contract/instance-id.ts"
import { TENANT_PATTERN } from "../../contract/messages.ts"
import { toWorkflowId } from "../../contract/names.ts"
import { adoptTransaction } from "../../store/queries/adopt-transaction.ts"
import type { TransactionKey } from "../../store/queries/transaction-key.ts"
import { findIdentity, readStart } from "../../store/temporal/read-start.ts"
import type { SweepContext } from "./parts.ts"
import { readMemo } from "./read-memo.ts"

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
  if (!identity || !TENANT_PATTERN.test(identity.tenant) || !isInstanceId(identity.transaction))
    return undefined
  const { tenant, transaction: transaction_id, plan_hash, params } = identity
  if (toWorkflowId(tenant, transaction_id) !== workflowId) return undefined
  const { type, memo, startTime } = await client.workflow.getHandle(workflowId, runId).describe()
  const isNew = await adoptTransaction(pool, {
    tenant,
    transaction_id,
    workflow_id: workflowId,
    workflow_type: type,
    plan_hash,
    params,
    ...readMemo(memo),
    started_at: startedAt ?? startTime,
  })
  if (isNew)
    logger.warn({ tenant, transaction: transaction_id }, "a transaction had no row: made from its workflow")
  return { tenant, transaction_id }
}
