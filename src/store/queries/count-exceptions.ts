import { z } from "zod"
import { bigint } from "./columns.ts"
import { exceptionFilter, type ExceptionFilter, filterValues } from "./exception-filter.ts"
import type { Queryable } from "./queryable.ts"

const Row = z.object({ total: bigint })

export async function countExceptions(db: Queryable, filter: ExceptionFilter): Promise<number> {
  const { rows } = await db.query(
    `select count(*) as total
     from exception e
     join txn t on t.tenant_id = e.tenant_id and t.instance_id = e.instance_id
     where ${exceptionFilter}`,
    filterValues(filter),
  )
  return Row.parse(rows[0]).total
}
