/** A transaction as `select` lists have to produce it: what was accepted, and what the mirror knows. */
import { z } from "zod"
import { TRANSACTION_STATUSES } from "../../contract/statuses.ts"
import { ApprovalRequest } from "./approval-request.ts"
import { bigint, position, timestamp } from "./columns.ts"

export const TransactionRow = z.object({
  instance_id: z.string(),
  workflow_id: z.string(),
  flow_id: z.string(),
  flow_name: z.string(),
  flow_version: z.int(),
  plan_hash: z.string(),
  business_key: z.string().nullable(),
  redo_of: z.string().nullable(),
  actor: z.string(),
  status: z.enum(TRANSACTION_STATUSES),
  version: bigint,
  overridden: z.boolean(),
  paused: z.boolean(),
  overdue: z.boolean(),
  pivot_passed: z.boolean(),
  deadline_at: timestamp.nullable(),
  labels: z.record(z.string(), z.string()),
  open_exceptions: bigint,
  ignored_messages: bigint,
  pending_approvals: z.array(ApprovalRequest).nullable(),
  created_at: timestamp,
  updated_at: timestamp,
  started_at: timestamp.nullable(),
  ended_at: timestamp.nullable(),
  created_us: position,
})
export type TransactionRow = z.output<typeof TransactionRow>

export const transactionColumns = `
  t.instance_id, t.workflow_id, t.flow_id, t.flow_name, t.flow_version, t.plan_hash, t.business_key, t.redo_of, t.actor,
  t.status, t.version, t.overridden, t.paused, t.overdue, t.pivot_passed, t.deadline_at, t.labels, t.open_exceptions, t.ignored_messages,
  t.pending_approvals,   t.created_at, t.updated_at, t.started_at, t.ended_at,
  (extract(epoch from t.created_at) * 1000000)::bigint::text as created_us`
