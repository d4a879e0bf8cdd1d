import { createApiKey, type NewApiKey } from "./queries/create-api-key.ts"
import { type AuditedBy, insertAuditRow } from "./queries/insert-audit-row.ts"
import type { Queryable } from "./queries/queryable.ts"

/**
 * Makes a key and the row of the audit trail that tells of it. @param db inside a transaction.
 * @throws {RangeError} as `createApiKey`.
 */
export async function issueApiKey(
  db: Queryable,
  key: NewApiKey,
  by: Omit<AuditedBy, "tenant">,
): ReturnType<typeof createApiKey> {
  const created = await createApiKey(db, key)
  const { id, name, role, scopes, expires_at } = created
  await insertAuditRow(db, {
    ...by,
    tenant: key.tenant,
    action: "key.create",
    subject: id,
    before: null,
    after: { name, role, scopes, expires_at },
  })
  return created
}
