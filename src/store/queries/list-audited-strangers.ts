import type { Pool } from "pg"
import { DECISION_ACTIONS } from "../../contract/statuses.ts"
import type { TransactionKey } from "./transaction-key.ts"

/** Transactions that have decisions in the audit trail, and no row; "" where a decision names none. */
export async function listAuditedStrangers(
  pool: Pool,
  tenant: string | null,
): Promise<(TransactionKey & { rows: number })[]> {
  const { rows } = await pool.query<TransactionKey & { rows: number }>({
    name: "list_audited_strangers",
    text: `
      select tenant_id as tenant, coalesce(instance_id, '') as transaction_id, count(*)::int as rows
      from audit a
      where action = any ($1) and ($2::text is null or tenant_id = $2)
        and not exists (select from txn t where t.tenant_id = a.tenant_id and t.instance_id = a.instance_id)
      group by 1, 2
      order by 1, 2`,
    values: [DECISION_ACTIONS, tenant],
  })
  return rows
}
