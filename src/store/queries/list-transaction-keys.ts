import type { Pool } from "pg"
import type { TransactionKey } from "./transaction-key.ts"

/** All transactions, or a tenant's, in key order, after the given one. */
export async function listTransactionKeys(
  pool: Pool,
  { tenant, after, limit }: { tenant: string | null; after: TransactionKey; limit: number },
): Promise<TransactionKey[]> {
  const { rows } = await pool.query<TransactionKey>({
    name: "list_transaction_keys",
    text: `
      select tenant_id as tenant, instance_id as transaction_id from txn
      where (tenant_id, instance_id) > ($2, $3) and ($1::text is null or tenant_id = $1)
      order by tenant_id, instance_id
      limit $4`,
    values: [tenant, after.tenant, after.transaction_id, limit],
  })
  return rows
}
