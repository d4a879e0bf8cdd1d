import { z } from "zod"
import { bigint } from "./columns.ts"
import { LOG_LINES } from "./list-log.ts"
import type { Queryable } from "./queryable.ts"

const Row = z.object({ total: bigint })

export async function countLog(
  db: Queryable,
  { tenant, instance_id }: { tenant: string; instance_id: string },
): Promise<number> {
  const { rows } = await db.query(`select count(*) as total from (${LOG_LINES}) as line`, [
    tenant,
    instance_id,
  ])
  return Row.parse(rows[0]).total
}
