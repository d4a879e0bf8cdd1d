import { z } from "zod"
import { DECISION_ACTIONS, OUTCOMES, TASK_STATUSES, TRANSACTION_STATUSES } from "../../contract/statuses.ts"
import { ApprovalRequest } from "./approval-request.ts"
import type { Queryable } from "./queryable.ts"

const Row = z.object({
  decision_id: z.string(),
  action: z.enum(DECISION_ACTIONS),
  task: z.string().nullable(),
  decided_at: z.date(),
  before: z.object({ status: z.enum(TRANSACTION_STATUSES), request: ApprovalRequest.optional() }),
  after: z.object({
    version: z.int(),
    status: z.enum(TRANSACTION_STATUSES),
    tasks: z.array(z.object({ path: z.string(), status: z.enum(TASK_STATUSES), outcome: z.enum(OUTCOMES) })),
    more_tasks: z.int().optional(),
    request: ApprovalRequest.optional(),
  }),
})
export type RecordedDecision = z.output<typeof Row>

/** A decision that was taken and recorded, with what it led to. */
export async function findDecision(
  db: Queryable,
  { tenant, instance_id, decision_id }: { tenant: string; instance_id: string; decision_id: string },
): Promise<RecordedDecision | undefined> {
  const { rows } = await db.query(
    `select decision_id, action, path as task, decided_at, before, after
     from decision
     where tenant_id = $1 and instance_id = $2 and decision_id = $3`,
    [tenant, instance_id, decision_id],
  )
  return rows[0] === undefined ? undefined : Row.parse(rows[0])
}
