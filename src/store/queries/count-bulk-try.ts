import type { BulkKey } from "../../contract/bulk.ts"
import type { Queryable } from "./queryable.ts"

/** An item could not be asked, and waits behind the others. */
export async function countBulkTry(
  db: Queryable,
  { tenant, job_id, seq }: BulkKey & { seq: number },
): Promise<void> {
  await db.query(
    `update bulk_item set tries = tries + 1
     where tenant_id = $1 and job_id = $2 and seq = $3 and state = 'pending'`,
    [tenant, job_id, seq],
  )
}
