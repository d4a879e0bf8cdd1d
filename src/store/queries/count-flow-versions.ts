import { z } from "zod"
import { bigint } from "./columns.ts"
import type { Queryable } from "./queryable.ts"

const Row = z.object({ total: bigint })

export async function countFlowVersions(
  db: Queryable,
  { tenant, flow_id }: { tenant: string; flow_id: string },
): Promise<number> {
  const { rows } = await db.query(
    "select count(*) as total from flow_version where tenant_id = $1 and flow_id = $2",
    [tenant, flow_id],
  )
  return Row.parse(rows[0]).total
}
