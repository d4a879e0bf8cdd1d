import type { Pool } from "pg"
import type { FailedNames, TransactionKey } from "./transaction-key.ts"

/**
 * Unconfirmed transactions that were not compared with Temporal since a moment, the most recently moved first. As in
 * `list-stale.ts` those that failed before come last, or are left out while they cool.
 */
export async function listUnchecked(
  pool: Pool,
  { since, failed, limit }: { since: Date; failed: FailedNames; limit: number },
): Promise<TransactionKey[]> {
  const { rows } = await pool.query<TransactionKey>({
    name: "list_unchecked",
    text: `
      select tenant_id as tenant, instance_id as transaction_id from txn
      left join unnest($4::text[]) with ordinality as due (name, turn) on due.name = tenant_id || '/' || instance_id
      where confirmed_at is null and dispatched_at is not null and (checked_at is null or checked_at <= $1)
        and tenant_id || '/' || instance_id <> all($3::text[])
      order by due.turn nulls first, updated_at desc
      limit $2`,
    values: [since, limit, failed.cooling, failed.due],
  })
  return rows
}
