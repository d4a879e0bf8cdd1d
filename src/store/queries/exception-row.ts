/** An exception with the transaction it belongs to, as `select` lists have to produce it. */
import { z } from "zod"
import {
  EXCEPTION_KINDS,
  EXCEPTION_STATES,
  OUTCOMES,
  SEVERITIES,
  TASK_STATUSES,
  TRANSACTION_STATUSES,
} from "../../contract/statuses.ts"
import { bigint, position, timestamp } from "./columns.ts"
import { computedGroup, shownTeam } from "./exception-filter.ts"
import { SHOWN_STATES, shownState } from "./shown-state.ts"

export const ExceptionRow = z.object({
  id: bigint,
  instance_id: z.string(),
  flow_id: z.string(),
  flow_name: z.string(),
  flow_version: z.int(),
  /** Empty for the transaction itself. */
  path: z.string(),
  operation: z.string(),
  generation: z.int(),
  kind: z.enum(EXCEPTION_KINDS),
  severity: z.enum(SEVERITIES),
  /** The engine's word. */
  state: z.enum(EXCEPTION_STATES),
  shown_state: z.enum(SHOWN_STATES),
  group: z.string(),
  code: z.string(),
  message: z.string(),
  outcome: z.enum(OUTCOMES),
  occurrence: z.int(),
  retry_safe: z.boolean(),
  retry_safe_until: timestamp.nullable(),
  retry_safe_reason: z.string(),
  suggested_actions: z.array(z.string()),
  occurred_at: timestamp,
  resolved_at: timestamp.nullable(),
  resolved_by: z.string().nullable(),
  handled: z.boolean(),
  handled_by: z.string().nullable(),
  handled_at: timestamp.nullable(),
  handled_remark: z.string().nullable(),
  acknowledged_by: z.string().nullable(),
  acknowledged_at: timestamp.nullable(),
  owner: z.string().nullable(),
  /** The flow's where nobody said another. */
  team: z.string().nullable(),
  escalation_level: z.int(),
  escalated_to: z.string().nullable(),
  escalates_at: timestamp.nullable(),
  escalation_refused: z.string().nullable(),
  sla_due_at: timestamp.nullable(),
  /** Null once it is over. */
  snoozed_until: timestamp.nullable(),
  occurred_us: position,
  transaction_status: z.enum(TRANSACTION_STATUSES),
  /** Null for the transaction itself. */
  task_status: z.enum(TASK_STATUSES).nullable(),
  /** The task by which a failed transaction failed; null when its workflow was lost. */
  failed_task: z.string().nullable(),
})
export type ExceptionRow = z.output<typeof ExceptionRow>

export const exceptionColumns = `
  e.id, e.instance_id, t.flow_id, t.flow_name, t.flow_version, e.path, e.operation, e.generation,
  e.kind, e.severity, e.state, ${shownState} as shown_state,
  coalesce(e.group_hash, ${computedGroup}) as "group", e.code, e.message, e.outcome, e.occurrence,
  e.retry_safe, e.retry_safe_until, e.retry_safe_reason, e.suggested_actions, e.occurred_at, e.resolved_at, e.resolved_by,
  e.handled, e.handled_by, e.handled_at, e.handled_remark, e.acknowledged_by, e.acknowledged_at, e.owner,
  ${shownTeam} as team, e.escalation_level, e.escalated_to, e.escalates_at, e.escalation_refused, e.sla_due_at,
  case when e.snoozed_until > now() then e.snoozed_until end as snoozed_until,
  (extract(epoch from e.occurred_at) * 1000000)::bigint::text as occurred_us,
  t.status as transaction_status, t.error ->> 'task' as failed_task,
  (select k.status from txn_task k
   where k.tenant_id = e.tenant_id and k.instance_id = e.instance_id and k.path = e.path) as task_status`
