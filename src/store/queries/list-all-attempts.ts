import { z } from "zod"
import { ATTEMPT_CLASSES } from "../../contract/statuses.ts"
import { timestamp } from "./columns.ts"
import type { Queryable } from "./queryable.ts"

const Row = z.object({
  path: z.string(),
  generation: z.int(),
  operation: z.string(),
  attempt: z.int(),
  class: z.enum(ATTEMPT_CLASSES),
  code: z.string().nullable(),
  started_at: timestamp,
  ended_at: timestamp,
})
export type AttemptSpanRow = z.output<typeof Row>

/** Attempts of all tasks as spans of time, oldest first, `limit` at most. */
export async function listAllAttempts(
  db: Queryable,
  { tenant, instance_id, limit }: { tenant: string; instance_id: string; limit: number },
): Promise<AttemptSpanRow[]> {
  const { rows } = await db.query(
    `select path, generation, operation, attempt, class, code, started_at, ended_at
     from txn_attempt
     where tenant_id = $1 and instance_id = $2
     order by started_at, path, generation, operation, attempt
     limit $3`,
    [tenant, instance_id, limit],
  )
  return z.array(Row).parse(rows)
}
