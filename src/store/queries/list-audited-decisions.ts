import type { Pool } from "pg"
import { z } from "zod"
import { DECISION_ACTIONS } from "../../contract/statuses.ts"
import { bigint, timestamp } from "./columns.ts"

const Row = z.object({
  seq: bigint,
  decision_id: z.string(),
  at: timestamp,
  actor: z.string(),
  roles: z.array(z.string()),
  action: z.string(),
  task: z.string().nullable(),
  attest: z.string().nullable(),
  executed_externally: z.boolean().nullable(),
  approvals: z.array(z.object({ actor: z.string(), roles: z.array(z.string()), update_id: z.string() })),
})
export type AuditedDecision = z.output<typeof Row>

/**
 * The decisions about a transaction that are in the audit trail, with what Temporal's history holds of them too. Only
 * one that was slipped in has no id.
 */
export async function listAuditedDecisions(
  pool: Pool,
  { tenant, transaction_id }: { tenant: string; transaction_id: string },
): Promise<AuditedDecision[]> {
  const { rows } = await pool.query({
    name: "list_audited_decisions",
    text: `
      select seq, coalesce(update_id, '') as decision_id, at, actor, roles, action, subject as task, attest, executed_externally,
        approvals
      from audit
      where tenant_id = $1 and instance_id = $2 and action = any ($3)
      order by seq`,
    values: [tenant, transaction_id, DECISION_ACTIONS],
  })
  return z.array(Row).parse(rows)
}
