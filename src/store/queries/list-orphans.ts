import type { Pool } from "pg"
import type { TransactionKey } from "./transaction-key.ts"

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
