import { exceptionColumns, ExceptionRow } from "./exception-row.ts"
import type { Queryable } from "./queryable.ts"

/** `undefined` when the tenant has no such exception. */
export async function findException(db: Queryable, { tenant, id }: { tenant: string; id: number }) {
  const { rows } = await db.query(
    `select ${exceptionColumns}
     from exception e
     join txn t on t.tenant_id = e.tenant_id and t.instance_id = e.instance_id
     where e.tenant_id = $1 and e.id = $2`,
    [tenant, id],
  )
  return rows[0] === undefined ? undefined : ExceptionRow.parse(rows[0])
}
