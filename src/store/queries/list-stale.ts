import type { Pool } from "pg"
import type { FailedNames, TransactionKey } from "./transaction-key.ts"

/**
 * Unconfirmed transactions that neither moved nor were compared with Temporal for `olderThanMs`. The longer one
 * has not moved, the rarer it is looked at: after a tenth of the time it has been still. Those that failed before come
 * last, or are left out while they cool: however many they are, the others have their turn. Before those others come
 * the ones that a mirror writer told of (`settle-losses.ts`), however new they are.
 */
export async function listStale(
  pool: Pool,
  { olderThanMs, failed, limit }: { olderThanMs: number; failed: FailedNames; limit: number },
): Promise<TransactionKey[]> {
  const { rows } = await pool.query<TransactionKey>({
    name: "list_stale",
    text: `
      select tenant_id as tenant, instance_id as transaction_id from txn
      left join unnest($4::text[]) with ordinality as due (name, turn) on due.name = tenant_id || '/' || instance_id
      where confirmed_at is null and dispatched_at is not null
        and (checked_at = '-infinity' or updated_at < now() - $1 * interval '1 ms')
        and (checked_at is null or checked_at < now() - greatest($1 * interval '1 ms', (now() - updated_at) / 10))
        and tenant_id || '/' || instance_id <> all($3::text[])
      order by due.turn nulls first, coalesce(checked_at, updated_at)
      limit $2`,
    values: [olderThanMs, limit, failed.cooling, failed.due],
  })
  return rows
}
