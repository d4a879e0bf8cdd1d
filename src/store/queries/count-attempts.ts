import { z } from "zod"
import { bigint } from "./columns.ts"
import type { Queryable } from "./queryable.ts"

const Row = z.object({ instance_id: z.string(), path: z.string(), attempts: bigint })

/** How often each task's call was made: a row that was written twice counts once, a person's retry counts anew. */
export async function countAttempts(
  db: Queryable,
  { tenant, instance_ids }: { tenant: string; instance_ids: string[] },
): Promise<z.output<typeof Row>[]> {
  const { rows } = await db.query(
    `select instance_id, path, count(distinct (generation, attempt, started_at)) as attempts
     from txn_attempt
     where tenant_id = $1 and instance_id = any($2) and operation = 'do'
     group by instance_id, path`,
    [tenant, instance_ids],
  )
  return z.array(Row).parse(rows)
}
