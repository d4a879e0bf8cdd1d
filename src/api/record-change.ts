/** A change through the API and its row of the audit trail: both are stored, or neither is. */
import type { Context } from "hono"
import type { AuditedChange } from "../contract/audit.ts"
import { inTransaction } from "../store/in-transaction.ts"
import { type AuditedBy, insertAuditRow } from "../store/queries/insert-audit-row.ts"
import type { Queryable } from "../store/queries/queryable.ts"
import type { ApiEnv, ApiServices } from "./dependencies.ts"

/** How things stood around a change: facts, and of settings what the API would show. Null: there was nothing. */
export interface Change {
  action: AuditedChange
  /** A name or an id. */
  subject: string
  before: unknown
  after: unknown
}

/** Who asks for the change. */
export function authorOf(c: Context<ApiEnv>): AuditedBy {
  const { tenant, actor, roles } = c.get("identity")
  return { tenant, actor, roles, update_id: c.req.header("idempotency-key") ?? null }
}

/**
 * Runs `work` in one database transaction with the row that tells of it.
 * @param toChange says what the result changed; `undefined` for nothing, which leaves no row.
 */
export function recordChange<T>(
  { pool, mask }: Pick<ApiServices, "pool" | "mask">,
  author: AuditedBy,
  { work, toChange }: { work: (db: Queryable) => Promise<T>; toChange: (result: T) => Change | undefined },
): Promise<T> {
  return inTransaction(pool, async (db) => {
    const result = await work(db)
    const change = toChange(result)
    if (change === undefined) return result
    const { before, after, ...fields } = change
    const hide = (value: unknown) => (mask === undefined ? value : mask.values(value))
    await insertAuditRow(db, { ...author, ...fields, before: hide(before), after: hide(after) })
    return result
  })
}
