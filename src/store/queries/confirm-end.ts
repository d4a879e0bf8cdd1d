import type { Pool } from "pg"

/** The row shows how Temporal closed this run: the end is final. */
export async function confirmEnd(
  pool: Pool,
  { tenant, transaction_id, run_id }: { tenant: string; transaction_id: string; run_id: string | null },
): Promise<boolean> {
  const { rowCount } = await pool.query({
    name: "confirm_end",
    text: `
      update txn set confirmed_at = now()
      where tenant_id = $1 and instance_id = $2 and run_id is not distinct from $3 and confirmed_at is null
        and status in ('success', 'failed', 'compensated', 'cancelled', 'closed')`,
    values: [tenant, transaction_id, run_id],
  })
  return (rowCount ?? 0) > 0
}
