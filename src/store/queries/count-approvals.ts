import { z } from "zod"
import { type ApprovalFilter, approvalValues, PENDING_APPROVALS } from "./approval-filter.ts"
import { bigint } from "./columns.ts"
import type { Queryable } from "./queryable.ts"

const Row = z.object({ total: bigint })

export async function countApprovals(db: Queryable, filter: ApprovalFilter): Promise<number> {
  const { rows } = await db.query(
    `select count(*) as total from ${PENDING_APPROVALS}`,
    approvalValues(filter),
  )
  return Row.parse(rows[0]).total
}
