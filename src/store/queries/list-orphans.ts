import type { Pool } from "pg"

export interface TransactionKey {
  tenant: string
  transaction_id: string
}

/** Accepted transactions that nobody started within `olderThanMs`, oldest first. */
export async function listOrphans(
  pool: Pool,
  { olderThanMs, limit }: { olderThanMs: number; limit: number },
): Promise<TransactionKey[]> {
  const { rows } = await pool.query<TransactionKey>({
    name: "list_orphans",
    text: `
      select tenant_id as tenant, instance_id as transaction_id from txn
      where dispatched_at is null and created_at < now() - $1 * interval '1 ms'
      order by created_at
      limit $2`,
    values: [olderThanMs, limit],
  })
  return rows
}
