import { z } from "zod"
import { ATTESTATIONS } from "../../contract/statuses.ts"
import { AUDIT_CONDITION, type AuditFilter, toAuditParameters } from "./audit-filter.ts"
import { bigint, timestamp } from "./columns.ts"
import type { Queryable } from "./queryable.ts"
import type { Slice } from "./slice.ts"

export const AuditRow = z.object({
  seq: bigint,
  at: timestamp,
  actor: z.string(),
  roles: z.array(z.string()),
  action: z.string(),
  instance_id: z.string().nullable(),
  subject: z.string().nullable(),
  reason: z.string().nullable(),
  attest: z.enum(ATTESTATIONS).nullable(),
  executed_externally: z.boolean().nullable(),
  evidence: z.unknown(),
  before: z.unknown(),
  after: z.unknown(),
  update_id: z.string().nullable(),
  approvals: z.array(z.unknown()),
  prev_hash: z.string(),
  hash: z.string(),
})
export type AuditRow = z.output<typeof AuditRow>

/** Newest first; a place's `at` is the `seq`. */
export async function listAudit(
  db: Queryable,
  filter: AuditFilter,
  { limit, offset, after }: Slice,
): Promise<AuditRow[]> {
  const { rows } = await db.query(
    `select seq, at, actor, roles, action, instance_id, subject, reason, attest, executed_externally, evidence,
            before, after, update_id, approvals, prev_hash, hash
     from audit
     where ${AUDIT_CONDITION} and ($7::bigint is null or seq < $7)
     order by seq desc
     limit $8 offset $9`,
    [...toAuditParameters(filter), after?.at ?? null, limit, offset],
  )
  return z.array(AuditRow).parse(rows)
}
