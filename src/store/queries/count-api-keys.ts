import { z } from "zod"
import { bigint } from "./columns.ts"
import type { Queryable } from "./queryable.ts"

const Row = z.object({ total: bigint })

export async function countApiKeys(db: Queryable, tenant: string): Promise<number> {
  const { rows } = await db.query(`select count(*) as total from api_key where tenant_id = $1`, [tenant])
  return Row.parse(rows[0]).total
}
