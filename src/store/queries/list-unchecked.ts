import type { Pool } from "pg"
import type { TransactionKey } from "./list-orphans.ts"

/** Unconfirmed transactions that were not compared with Temporal since a moment, the most recently moved first. */
export async function listUnchecked(
  pool: Pool,
  { since, limit }: { since: Date; limit: number },
): Promise<TransactionKey[]> {
  const { rows } = await pool.query<TransactionKey>({
    name: "list_unchecked",
    text: `
      select tenant_id as tenant, instance_id as transaction_id from txn
      where confirmed_at is null and dispatched_at is not null and (checked_at is null or checked_at <= $1)
      order by updated_at desc
      limit $2`,
    values: [since, limit],
  })
  return rows
}
