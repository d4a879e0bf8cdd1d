import { z } from "zod"
import { ATTEMPT_CLASSES, OUTCOMES } from "../../contract/statuses.ts"
import { bigint, position, timestamp } from "./columns.ts"
import type { Queryable } from "./queryable.ts"
import type { Slice } from "./slice.ts"

const Row = z.object({
  generation: z.int(),
  operation: z.string(),
  attempt: z.int(),
  class: z.enum(ATTEMPT_CLASSES),
  outcome: z.enum(OUTCOMES),
  code: z.string().nullable(),
  message: z.string().nullable(),
  request: z.unknown(),
  response: z.unknown(),
  peer: z.string().nullable(),
  bytes_sent: bigint.nullable(),
  bytes_received: bigint.nullable(),
  started_at: timestamp,
  ended_at: timestamp,
  started_us: position,
})
export type AttemptRow = z.output<typeof Row>

interface Task {
  tenant: string
  instance_id: string
  path: string
}

/** Oldest first; a place's `id` is `<generation>.<operation>.<attempt>`. */
export async function listAttempts(
  db: Queryable,
  task: Task,
  { limit, offset, after }: Slice,
): Promise<AttemptRow[]> {
  const { rows } = await db.query(
    `select generation, operation, attempt, class, outcome, code, message, request, response, peer,
            bytes_sent, bytes_received, started_at, ended_at,
            (extract(epoch from started_at) * 1000000)::bigint::text as started_us
     from txn_attempt
     where tenant_id = $1 and instance_id = $2 and path = $3
       and ($4::bigint is null
            or started_at > timestamptz 'epoch' + $4::bigint * interval '1 microsecond'
            or (started_at = timestamptz 'epoch' + $4::bigint * interval '1 microsecond'
                and concat_ws('.', generation, operation, attempt) > $5))
     order by started_at, concat_ws('.', generation, operation, attempt)
     limit $6 offset $7`,
    [task.tenant, task.instance_id, task.path, after?.at ?? null, after?.id ?? null, limit, offset],
  )
  return z.array(Row).parse(rows)
}
