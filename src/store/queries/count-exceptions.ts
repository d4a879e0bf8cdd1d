import { z } from "zod"
import { bigint } from "./columns.ts"
import type { ExceptionFilter } from "./list-exceptions.ts"
import type { Queryable } from "./queryable.ts"

const Row = z.object({ total: bigint })

export async function countExceptions(db: Queryable, filter: ExceptionFilter): Promise<number> {
  const { rows } = await db.query(
    `select count(*) as total
     from exception e
     join txn t on t.tenant_id = e.tenant_id and t.instance_id = e.instance_id
     where e.tenant_id = $1
       and ($2::boolean is null or e.handled = $2)
       and ($3::text is null or e.kind = $3)
       and ($4::text is null or e.severity = $4)
       and ($5::text is null or e.state = $5)
       and ($6::text is null or t.flow_id = $6 or t.flow_name = $6)
       and ($7::text is null or e.instance_id = $7)`,
    [
      filter.tenant,
      filter.handled,
      filter.kind,
      filter.severity,
      filter.state,
      filter.flow,
      filter.instance_id,
    ],
  )
  return Row.parse(rows[0]).total
}
