import type { Pool } from "pg"

export interface Checked {
  tenant: string
  transaction_id: string
  /** When the mirror's rows were read for the comparison. */
  read_at: Date
  /** What the rows are now known to be as new as; null when nothing is known. */
  seq: number | null
  run_id: string | null
}

/** Notes that a transaction was compared with Temporal, and that its row is as new as what was compared. */
export async function markChecked(
  pool: Pool,
  { tenant, transaction_id, read_at, seq, run_id }: Checked,
): Promise<void> {
  await pool.query({
    name: "mark_checked",
    text: `
      update txn set
        checked_at = $3,
        seq = case when run_id = $4 then greatest(seq, $5::bigint) else seq end
      where tenant_id = $1 and instance_id = $2`,
    values: [tenant, transaction_id, read_at, run_id, seq],
  })
}
