import type { Pool } from "pg"
import { endEvent } from "../events/event-columns.ts"
import { INSERT_EVENTS } from "../events/insert-events.ts"

/** A closed run as Temporal's visibility lists it. */
export interface ClosedRun {
  workflow_id: string
  run_id: string
  /** Statuses with which a transaction may close so. */
  statuses: string[]
  /** The oldest row that can be the run's last word. */
  least_seq: number
}

/**
 * Confirms, in one statement, the ends that the mirror already has right. Not those of runs after a reset: a late
 * row of the abandoned run can have slipped in, so they are compared. As in `confirm-end.ts` nobody waits for the
 * disk. @returns run ids of the confirmed ones.
 */
export async function confirmEnds(pool: Pool, runs: ClosedRun[]): Promise<Set<string>> {
  const { rows } = await pool.query<{ run_id: string }>({
    name: "confirm_ends",
    text: `
      with confirmed as (
        update txn set confirmed_at = now()
        from json_to_recordset($1) as r (workflow_id text, run_id text, statuses text[], least_seq bigint)
        where txn.workflow_id = r.workflow_id and txn.run_id = r.run_id and txn.confirmed_at is null
          and txn.status = any(r.statuses) and txn.seq >= r.least_seq and txn.resets = 0
        returning txn.run_id, ${endEvent("txn")}
      ), told as (select 1 as place, tenant_id, instance_id, type, data from confirmed),
      ${INSERT_EVENTS}
      select run_id, (select count(*) from rung), set_config('synchronous_commit', 'off', true)
      from confirmed`,
    values: [JSON.stringify(runs)],
  })
  return new Set(rows.map(({ run_id }) => run_id))
}
