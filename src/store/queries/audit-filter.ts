/** Which rows of the audit trail a list, or its count, is about. */
import type { AuditAction } from "../../contract/audit.ts"

/** Null: any. */
export interface AuditFilter {
  tenant: string
  instance_id: string | null
  actor: string | null
  action: AuditAction | null
  /** Inclusive, in milliseconds since the epoch. */
  since: number | null
  /** Exclusive, in milliseconds since the epoch. */
  until: number | null
}

export const AUDIT_CONDITION = `
  tenant_id = $1
  and ($2::text is null or instance_id = $2)
  and ($3::text is null or actor = $3)
  and ($4::text is null or action = $4)
  and ($5::float8 is null or at >= to_timestamp($5::float8 / 1000))
  and ($6::float8 is null or at < to_timestamp($6::float8 / 1000))`

export function toAuditParameters({
  tenant,
  instance_id,
  actor,
  action,
  since,
  until,
}: AuditFilter): (string | number | null)[] {
  return [tenant, instance_id, actor, action, since, until]
}
