import type { Pool } from "pg"
import { endEvent } from "../events/event-columns.ts"
import { INSERT_EVENTS } from "../events/insert-events.ts"

/**
 * The row shows how Temporal closed this run: the end is final. A commit that Postgres loses in a crash is made
 * again by the sweeper, so nobody waits for the disk.
 */
export async function confirmEnd(
  pool: Pool,
  { tenant, transaction_id, run_id }: { tenant: string; transaction_id: string; run_id: string | null },
): Promise<boolean> {
  const { rowCount } = await pool.query({
    name: "confirm_end",
    text: `
      with confirmed as (
        update txn set confirmed_at = now()
        where tenant_id = $1 and instance_id = $2 and run_id is not distinct from $3 and confirmed_at is null
          and status in ('success', 'failed', 'compensated', 'cancelled', 'closed')
        returning ${endEvent("txn")}
      ), told as (select 1 as place, * from confirmed),
      ${INSERT_EVENTS}
      select (select count(*) from rung), set_config('synchronous_commit', 'off', true) from confirmed`,
    values: [tenant, transaction_id, run_id],
  })
  return (rowCount ?? 0) > 0
}
