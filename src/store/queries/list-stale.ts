import type { Pool } from "pg"
import type { TransactionKey } from "./list-orphans.ts"

/**
 * Unconfirmed transactions that neither moved nor were compared with Temporal for `olderThanMs`. The longer one
 * has not moved, the rarer it is looked at: after a tenth of the time it has been still. Before all others those
 * that a mirror writer told of (`settle-losses.ts`), however new they are.
 */
export async function listStale(
  pool: Pool,
  { olderThanMs, limit }: { olderThanMs: number; limit: number },
): Promise<TransactionKey[]> {
  const { rows } = await pool.query<TransactionKey>({
    name: "list_stale",
    text: `
      select tenant_id as tenant, instance_id as transaction_id from txn
      where confirmed_at is null and dispatched_at is not null
        and (checked_at = '-infinity' or updated_at < now() - $1 * interval '1 ms')
        and (checked_at is null or checked_at < now() - greatest($1 * interval '1 ms', (now() - updated_at) / 10))
      order by coalesce(checked_at, updated_at)
      limit $2`,
    values: [olderThanMs, limit],
  })
  return rows
}
