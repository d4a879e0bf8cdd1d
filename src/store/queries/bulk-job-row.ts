/** A bulk job with what its items have come to, as `select` lists have to produce it. */
import { z } from "zod"
import { BULK_ACTIONS, BULK_STATES } from "../../contract/bulk.ts"
import { bigint, position, timestamp } from "./columns.ts"

export const BulkJobRow = z.object({
  job_id: z.string(),
  action: z.enum(BULK_ACTIONS),
  reason: z.string(),
  filter: z.record(z.string(), z.unknown()),
  actor: z.string(),
  roles: z.array(z.string()),
  velocity: z.number(),
  canary: z.int(),
  stop_above: z.number(),
  settle_ms: bigint,
  state: z.enum(BULK_STATES),
  state_reason: z.string().nullable(),
  created_at: timestamp,
  started_at: timestamp.nullable(),
  ended_at: timestamp.nullable(),
  created_us: position,
  pending: bigint,
  sent: bigint,
  succeeded: bigint,
  failed: bigint,
  refused: bigint,
})
export type BulkJobRow = z.output<typeof BulkJobRow>

/** Of the row `j` of `bulk_job`. */
export const bulkJobColumns = `
  j.id as job_id, j.action, j.reason, j.filter, j.actor, j.roles, j.velocity, j.canary, j.stop_above, j.settle_ms,
  j.state, j.state_reason, j.created_at, j.started_at, j.ended_at,
  (extract(epoch from j.created_at) * 1000000)::bigint::text as created_us,
  i.pending, i.sent, i.succeeded, i.failed, i.refused`

export const bulkJobTables = `
  bulk_job as j
  cross join lateral (
    select
      count(*) filter (where state = 'pending') as pending,
      count(*) filter (where state = 'sent') as sent,
      count(*) filter (where state = 'succeeded') as succeeded,
      count(*) filter (where state = 'failed') as failed,
      count(*) filter (where state = 'refused') as refused
    from bulk_item
    where tenant_id = j.tenant_id and job_id = j.id
  ) as i`
