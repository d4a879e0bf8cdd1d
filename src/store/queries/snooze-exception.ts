import { noteEvent } from "../events/event-columns.ts"
import { INSERT_EVENTS } from "../events/insert-events.ts"
import type { Queryable } from "./queryable.ts"

/** Lets an open exception sleep until then; null wakes it. False when there is no such open one. */
export async function snoozeException(
  db: Queryable,
  { tenant, id, until }: { tenant: string; id: number; until: Date | null },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `with noted as (
       update exception set snoozed_until = $3
       where tenant_id = $1 and id = $2 and state in ('open', 'reopened')
       returning ${noteEvent("exception", "case when exception.snoozed_until is null then 'woken' else 'snoozed' end")}
     ), told as (select 1 as place, * from noted),
     ${INSERT_EVENTS}
     select (select count(*) from rung) from noted`,
    [tenant, id, until],
  )
  return rowCount === 1
}
