import { noteEvent } from "../events/event-columns.ts"
import { INSERT_EVENTS } from "../events/insert-events.ts"
import type { Queryable } from "./queryable.ts"

interface Assignment {
  tenant: string
  id: number
  owner: string | null
  /** Unsaid: stays as it is. */
  team: string | null | undefined
}

/** Gives an open exception to somebody, or takes it away. False when there is no such open one. */
export async function assignException(
  db: Queryable,
  { tenant, id, owner, team }: Assignment,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `with noted as (
       update exception set owner = $3, team = case when $5 then $4 else team end
       where tenant_id = $1 and id = $2 and state in ('open', 'reopened')
       returning ${noteEvent(
         "exception",
         "case when exception.owner is null and exception.team is null then 'unassigned' else 'assigned' end",
       )}
     ), told as (select 1 as place, * from noted),
     ${INSERT_EVENTS}
     select (select count(*) from rung) from noted`,
    [tenant, id, owner, team ?? null, team !== undefined],
  )
  return rowCount === 1
}
