import type { BulkKey } from "../../contract/bulk.ts"
import type { BulkItemRow } from "./bulk-item-row.ts"
import type { Queryable } from "./queryable.ts"

/** What became of a decision when it was sent. */
export type BulkItemChange = Pick<BulkItemRow, "seq" | "decision_id" | "code" | "detail"> & {
  state: "sent" | "refused"
}

export async function saveBulkItem(
  db: Queryable,
  { tenant, job_id, seq, decision_id, state, code, detail }: BulkKey & BulkItemChange,
): Promise<void> {
  await db.query(
    `update bulk_item
     set state = $4, decision_id = $5, code = $6, detail = $7, sent_at = now(),
         settled_at = case when $4 = 'refused' then now() end
     where tenant_id = $1 and job_id = $2 and seq = $3 and state = 'pending'`,
    [tenant, job_id, seq, state, decision_id, code, detail],
  )
}
