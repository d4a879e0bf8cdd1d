import type { Pool } from "pg"

/** Temporal has the transaction: nobody needs to start it again. */
export async function markDispatched(
  pool: Pool,
  { tenant, instance_id }: { tenant: string; instance_id: string },
): Promise<void> {
  await pool.query({
    name: "mark_dispatched",
    text: "update txn set dispatched_at = now() where tenant_id = $1 and instance_id = $2 and dispatched_at is null",
    values: [tenant, instance_id],
  })
}
