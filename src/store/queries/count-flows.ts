import { z } from "zod"
import { bigint } from "./columns.ts"
import type { FlowFilter } from "./list-flows.ts"
import type { Queryable } from "./queryable.ts"

const Row = z.object({ total: bigint })

export async function countFlows(db: Queryable, filter: FlowFilter): Promise<number> {
  const { rows } = await db.query(
    `select count(*) as total
     from flow
     where tenant_id = $1 and deleted_at is null
       and ($2::text is null or name = $2)
       and ($3::text is null or flow_type = $3)`,
    [filter.tenant, filter.name, filter.flow_type],
  )
  return Row.parse(rows[0]).total
}
