import { z } from "zod"
import { bigint } from "./columns.ts"
import type { Queryable } from "./queryable.ts"

const Row = z.object({ total: bigint })

export async function countExceptionComments(
  db: Queryable,
  { tenant, id }: { tenant: string; id: number },
): Promise<number> {
  const { rows } = await db.query(
    "select count(*) as total from exception_comment where tenant_id = $1 and exception_id = $2",
    [tenant, id],
  )
  return Row.parse(rows[0]).total
}
