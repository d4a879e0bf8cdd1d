import { z } from "zod"
import type { Queryable } from "./queryable.ts"

const Row = z.object({ instance_id: z.string(), params: z.unknown() })

/** The params of these transactions, by `instance_id`. */
export async function listParams(
  db: Queryable,
  { tenant, instance_ids }: { tenant: string; instance_ids: string[] },
): Promise<Map<string, unknown>> {
  if (instance_ids.length === 0) return new Map()
  const { rows } = await db.query(
    "select instance_id, params from txn where tenant_id = $1 and instance_id = any($2)",
    [tenant, instance_ids],
  )
  return new Map(rows.map((row) => Row.parse(row)).map(({ instance_id, params }) => [instance_id, params]))
}
