import { z } from "zod"
import { COMPENSATION_STATUSES, OUTCOMES, TASK_STATUSES } from "../../contract/statuses.ts"
import { timestamp } from "./columns.ts"
import type { Queryable } from "./queryable.ts"

const Row = z.object({
  path: z.string(),
  task_index: z.int(),
  generation: z.int(),
  status: z.enum(TASK_STATUSES),
  outcome: z.enum(OUTCOMES),
  compensation: z.enum(COMPENSATION_STATUSES),
  /** How far its compensation is; null before there is one to make. */
  undo: z
    .object({
      outcome: z.enum(OUTCOMES),
      error: z.object({ code: z.string(), class: z.string(), message: z.string() }).nullable(),
      started_at: z.number().nullable(),
      ended_at: z.number().nullable(),
    })
    .nullable(),
  reason: z.string().nullable(),
  input: z.unknown(),
  output: z.unknown(),
  /** Where the whole output is kept, when `output` only tells of it. */
  output_sha256: z.string().nullable(),
  error: z.object({ code: z.string(), class: z.string(), message: z.string() }).nullable(),
  started_at: timestamp.nullable(),
  ended_at: timestamp.nullable(),
})
export type TaskRow = z.output<typeof Row>

/** The mirrored tasks of a transaction, in definition order; those that never moved have no row. */
export async function listTasks(
  db: Queryable,
  { tenant, instance_id }: { tenant: string; instance_id: string },
): Promise<TaskRow[]> {
  const { rows } = await db.query(
    `select path, task_index, generation, status, outcome, compensation, undo, reason, input, output,
            output_sha256, error, started_at, ended_at
     from txn_task
     where tenant_id = $1 and instance_id = $2
     order by task_index, path`,
    [tenant, instance_id],
  )
  return z.array(Row).parse(rows)
}
