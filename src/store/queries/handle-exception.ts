import { noteEvent } from "../events/event-columns.ts"
import { INSERT_EVENTS } from "../events/insert-events.ts"
import type { Queryable } from "./queryable.ts"

interface Handling {
  tenant: string
  id: number
  by: string
  remark: string | null
}

/** Records that a person looked at it; the transaction does not move by this. False when there is no such exception. */
export async function handleException(db: Queryable, { tenant, id, by, remark }: Handling): Promise<boolean> {
  const { rowCount } = await db.query(
    `with handled as (
       update exception
       set handled = true, handled_by = $3, handled_at = now(), handled_remark = coalesce($4, handled_remark)
       where tenant_id = $1 and id = $2
       returning ${noteEvent("exception", "'handled'")}
     ), told as (select 1 as place, * from handled),
     ${INSERT_EVENTS}
     select (select count(*) from rung) from handled`,
    [tenant, id, by, remark],
  )
  return rowCount === 1
}
