import { noteEvent } from "../events/event-columns.ts"
import { INSERT_EVENTS } from "../events/insert-events.ts"
import type { Queryable } from "./queryable.ts"

/** Records who saw an open exception first; a repeat leaves that as it is. False when there is no such open one. */
export async function acknowledgeException(
  db: Queryable,
  { tenant, id, by }: { tenant: string; id: number; by: string },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `with noted as (
       update exception
       set acknowledged_by = coalesce(acknowledged_by, $3), acknowledged_at = coalesce(acknowledged_at, now())
       where tenant_id = $1 and id = $2 and state in ('open', 'reopened')
       returning ${noteEvent("exception", "'acknowledged'")}
     ), told as (select 1 as place, * from noted),
     ${INSERT_EVENTS}
     select (select count(*) from rung) from noted`,
    [tenant, id, by],
  )
  return rowCount === 1
}
