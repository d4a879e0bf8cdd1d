import { z } from "zod"
import { bigint } from "./columns.ts"
import type { Queryable } from "./queryable.ts"

/** How often a transaction was done again, those that ended without success: the next one's number is one more. */
export async function countRedos(
  db: Queryable,
  { tenant, instance_id }: { tenant: string; instance_id: string },
): Promise<number> {
  const { rows } = await db.query(
    `select count(*) as redos from txn
     where tenant_id = $1 and redo_of = $2 and status in ('failed', 'compensated', 'cancelled', 'closed')`,
    [tenant, instance_id],
  )
  return z.object({ redos: bigint }).parse(rows[0]).redos
}
