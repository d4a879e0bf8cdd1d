import { z } from "zod"
import { bigint } from "./columns.ts"
import type { Queryable } from "./queryable.ts"

const Row = z.object({ total: bigint })

/** How many attempts of one task are on record, of any operation. */
export async function countTaskAttempts(
  db: Queryable,
  task: { tenant: string; instance_id: string; path: string },
): Promise<number> {
  const { rows } = await db.query(
    `select count(*) as total from txn_attempt where tenant_id = $1 and instance_id = $2 and path = $3`,
    [task.tenant, task.instance_id, task.path],
  )
  return Row.parse(rows[0]).total
}
