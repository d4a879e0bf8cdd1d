import { z } from "zod"
import type { Queryable } from "./queryable.ts"

const Row = z.object({
  output: z.unknown(),
  output_sha256: z.string().nullable(),
  /** JSON text; null where nothing is kept elsewhere, or no longer. */
  content: z.string().nullable(),
})
export type TaskOutputRow = z.output<typeof Row>

/** What a task came to, and what is kept of it elsewhere; `undefined` while the task has not moved. */
export async function findTaskOutput(
  db: Queryable,
  { tenant, instance_id, path }: { tenant: string; instance_id: string; path: string },
): Promise<TaskOutputRow | undefined> {
  const { rows } = await db.query(
    `select t.output, t.output_sha256, b.content
     from txn_task t
     left join blob b
       on b.tenant_id = t.tenant_id and b.instance_id = t.instance_id and b.sha256 = t.output_sha256
     where t.tenant_id = $1 and t.instance_id = $2 and t.path = $3`,
    [tenant, instance_id, path],
  )
  return rows[0] === undefined ? undefined : Row.parse(rows[0])
}
