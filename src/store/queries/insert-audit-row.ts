import type { AuditedChange } from "../../contract/audit.ts"
import type { Queryable } from "./queryable.ts"

export interface AuditedBy {
  tenant: string
  actor: string
  roles: readonly string[]
  /** The request's `Idempotency-Key`. */
  update_id: string | null
}

export interface AuditEntry extends AuditedBy {
  action: AuditedChange
  /** What was changed: a name or an id. */
  subject: string
  /** Null where there was nothing before, or is nothing after. */
  before: unknown
  after: unknown
}

/** To be the last statement of the transaction that changes something: from here on the tenant's chain waits for it. */
export async function insertAuditRow(db: Queryable, entry: AuditEntry): Promise<void> {
  await db.query(
    `insert into audit (tenant_id, at, actor, roles, action, subject, before, after, update_id)
     values ($1, now(), $2, $3, $4, $5, $6, $7, $8)`,
    [
      entry.tenant,
      entry.actor,
      entry.roles,
      entry.action,
      entry.subject,
      toJson(entry.before),
      toJson(entry.after),
      entry.update_id,
    ],
  )
}

function toJson(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value)
}
