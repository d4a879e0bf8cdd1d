/** Transactions page by page, of all tenants or of one. */
import type { Client } from "@temporalio/client"
import type { Pool } from "pg"
import { TASK_QUEUE } from "../../contract/messages.ts"
import { listByWorkflow } from "../../store/queries/list-by-workflow.ts"
import type { TransactionKey } from "../../store/queries/transaction-key.ts"
import { listTransactionKeys } from "../../store/queries/list-transaction-keys.ts"
import { listRuns } from "../../store/temporal/list-runs.ts"
import { findIdentity, readStart } from "../../store/temporal/read-start.ts"

const PAGE = 200

export async function* pagesOfStored(
  pool: Pool,
  tenant: string | undefined,
): AsyncGenerator<TransactionKey[]> {
  let after: TransactionKey = { tenant: "", transaction_id: "" }
  for (;;) {
    const keys = await listTransactionKeys(pool, { tenant: tenant ?? null, after, limit: PAGE })
    yield keys
    const last = keys.at(-1)
    if (!last || keys.length < PAGE) return
    after = last
  }
}

/** Transactions that Temporal has and Postgres has no row of. */
export async function* pagesOfRowless(
  context: { pool: Pool; client: Client },
  tenant: string | undefined,
): AsyncGenerator<TransactionKey[]> {
  const query = `TaskQueue = "${TASK_QUEUE}"`
  for await (const page of listRuns(context.client, { query, pageSize: PAGE })) {
    const runs = new Map(page.map(({ workflowId, runId }) => [workflowId, runId]))
    const known = await listByWorkflow(context.pool, [...runs.keys()])
    const keys: TransactionKey[] = []
    for (const [workflowId, runId] of runs) {
      const identity = known.has(workflowId)
        ? undefined
        : findIdentity(await readStart(context.client, { workflowId, runId }))
      if (identity && (tenant === undefined || tenant === identity.tenant))
        keys.push({ tenant: identity.tenant, transaction_id: identity.transaction })
    }
    yield keys
  }
}
