import { z } from "zod"
import { AUDIT_CONDITION, type AuditFilter, toAuditParameters } from "./audit-filter.ts"
import { bigint } from "./columns.ts"
import type { Queryable } from "./queryable.ts"

export async function countAudit(db: Queryable, filter: AuditFilter): Promise<number> {
  const { rows } = await db.query(
    `select count(*) as count from audit where ${AUDIT_CONDITION}`,
    toAuditParameters(filter),
  )
  return z.object({ count: bigint }).parse(rows[0]).count
}
