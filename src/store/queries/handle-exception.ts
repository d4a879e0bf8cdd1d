import { noteEvent } from "../events/event-columns.ts"
import { INSERT_EVENTS } from "../events/insert-events.ts"
import type { AuditedBy } from "./insert-audit-row.ts"
import type { Queryable } from "./queryable.ts"

interface Handling {
  id: number
  remark: string | null
  /** The remark without what must not stay for good. */
  reason: string | null
}

/**
 * Records that a person looked at it, here and in the audit trail; the transaction does not move by this. False when
 * there is no such exception. The head of the chain is locked before the events are, as everywhere.
 */
export async function handleException(
  db: Queryable,
  { id, remark, reason }: Handling,
  { tenant, actor, roles, update_id }: AuditedBy,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `with was as (
       select handled, handled_by from exception where tenant_id = $1 and id = $2 for update
     ), handled as (
       update exception
       set handled = true, handled_by = $3, handled_at = now(), handled_remark = coalesce($4, handled_remark)
       where tenant_id = $1 and id = $2 and exists (select from was)
       returning *
     ), audited as (
       insert into audit (tenant_id, at, actor, roles, action, instance_id, subject, reason, before, after, update_id)
       select tenant_id, handled_at, $3::text, $5::text[], 'exception.handle', instance_id, id::text, $6::text,
              row_to_json(was), '{"handled":true}'::json, $7::text
       from handled, was
       returning seq
     ), told as (
       select 1 as place, ${noteEvent("handled", "'handled'")} from handled cross join (select count(*) from audited) as audited
     ),
     ${INSERT_EVENTS}
     select (select count(*) from rung) from handled`,
    [tenant, id, actor, remark, roles, reason, update_id],
  )
  return rowCount === 1
}
