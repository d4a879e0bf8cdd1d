import type { Pool } from "pg"
import type { TransactionKey } from "./transaction-key.ts"

/** Transactions whose end is final and older than `olderThanMs`, the oldest first; not those that cool after a failure. */
export async function listOutdated(
  pool: Pool,
  { olderThanMs, cooling, limit }: { olderThanMs: number; cooling: string[]; limit: number },
): Promise<TransactionKey[]> {
  const { rows } = await pool.query<TransactionKey>({
    name: "list_outdated",
    text: `
      select tenant_id as tenant, instance_id as transaction_id from txn
      where confirmed_at is not null and ended_at < now() - $1 * interval '1 ms'
        and status in ('success', 'failed', 'compensated', 'cancelled', 'closed')
        and tenant_id || '/' || instance_id <> all($3::text[])
      order by ended_at
      limit $2`,
    values: [olderThanMs, limit, cooling],
  })
  return rows
}
