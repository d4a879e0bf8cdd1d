import type { Pool } from "pg"

export interface TransactionKey {
  tenant: string
  transaction_id: string
}

/** Transactions that were tried in vain, each as `tenant/transaction_id`. */
export interface FailedNames {
  /** Not to be tried now. */
  cooling: string[]
  /** In the order of their turn. */
  due: string[]
}

/** Accepted transactions that nobody started within `olderThanMs`, oldest first; not those that cool after a failure. */
export async function listOrphans(
  pool: Pool,
  { olderThanMs, cooling, limit }: { olderThanMs: number; cooling: string[]; limit: number },
): Promise<TransactionKey[]> {
  const { rows } = await pool.query<TransactionKey>({
    name: "list_orphans",
    text: `
      select tenant_id as tenant, instance_id as transaction_id from txn
      where dispatched_at is null and created_at < now() - $1 * interval '1 ms'
        and tenant_id || '/' || instance_id <> all($3::text[])
      order by created_at
      limit $2`,
    values: [olderThanMs, limit, cooling],
  })
  return rows
}
