import { z } from "zod"
import { ATTESTATIONS, PROPOSABLE_ACTIONS } from "../../contract/statuses.ts"
import { type ApprovalFilter, approvalValues, PENDING_APPROVALS } from "./approval-filter.ts"
import type { Queryable } from "./queryable.ts"
import type { Slice } from "./slice.ts"

const Row = z.object({
  id: z.string(),
  action: z.enum(PROPOSABLE_ACTIONS),
  task: z.string().nullable(),
  requester: z.string(),
  at: z.number(),
  expires_at: z.number(),
  instance_id: z.string(),
  flow_id: z.string(),
  flow_name: z.string(),
  business_key: z.string().nullable(),
  roles: z.array(z.string()).nullable(),
  reason: z.string().nullable(),
  attest: z.enum(ATTESTATIONS).nullable(),
  executed_externally: z.boolean().nullable(),
  evidence: z.unknown(),
})
export type ApprovalRow = z.output<typeof Row>

/** Newest first; a place's `at` is in milliseconds, its id the request's and the transaction's. */
export async function listApprovals(
  db: Queryable,
  filter: ApprovalFilter,
  { limit, offset, after }: Slice,
): Promise<ApprovalRow[]> {
  const { rows } = await db.query(
    `select p.*, d.roles, d.reason, d.attest, d.executed_externally, d.evidence
     from (
       select r.id, r.action, r.task, r.requester, r.at, r.expires_at, t.tenant_id, t.instance_id, t.flow_id,
              t.flow_name, t.business_key
       from ${PENDING_APPROVALS}
         and ($4::bigint is null or r.at < $4 or (r.at = $4 and r.id || ' ' || t.instance_id > $5))
       order by r.at desc, r.id || ' ' || t.instance_id
       limit $6 offset $7
     ) as p
     left join decision as d
       on d.tenant_id = p.tenant_id and d.instance_id = p.instance_id and d.decision_id = p.id
     order by p.at desc, p.id || ' ' || p.instance_id`,
    [...approvalValues(filter), after?.at ?? null, after?.id ?? null, limit, offset],
  )
  return z.array(Row).parse(rows)
}
