import { exceptionEvent } from "../../events/event-columns.ts"

/** What was warned of has come. */
const IS_GROWN = "(stored.kind = 'early_warning' and excluded.kind <> 'early_warning')"
const IS_NEWS = `(excluded.occurrence > stored.occurrence or ${IS_GROWN})`

/**
 * Part of `write-changes.ts`, parameter $3. The columns from `handled` on belong to people and stay as they are; but
 * nobody has acknowledged a record that is opened once more, nor said that it may sleep; and who handled a warning
 * has not handled what it warned of.
 * An open record that comes after a complete change which no longer had it is over (`close-abandoned.ts`).
 */
export const UPSERT_EXCEPTIONS = `
  insert into exception as stored (
    tenant_id, instance_id, path, operation, generation, kind, severity, state, code, message, outcome, occurrence,
    retry_safe, retry_safe_until, retry_safe_reason, suggested_actions, occurred_at, resolved_at, resolved_by, resets, chain, seq,
    message_shape, group_hash, flow_team, escalation_level, escalated_to, escalates_at, escalation_refused, sla_due_at
  )
  select
    r.tenant_id, r.instance_id, r.path, r.operation, r.generation, r.kind, r.severity,
    case when is_over then 'superseded' else r.state end,
    r.code, r.message, r.outcome, r.occurrence, r.retry_safe,
    to_timestamp(r.retry_safe_until / 1000.0), r.retry_safe_reason, r.suggested_actions,
    to_timestamp(r.occurred_at / 1000.0),
    case when is_over then now() else to_timestamp(r.resolved_at / 1000.0) end,
    r.resolved_by, r.resets, r.chain, r.seq, r.message_shape,
    exception_group(txn.flow_id, r.path, r.operation, r.kind, r.code, r.message_shape),
    r.flow_team, r.escalation_level, r.escalated_to,
    case when not is_over then to_timestamp(r.escalates_at / 1000.0) end,
    r.escalation_refused, to_timestamp(r.sla_due_at / 1000.0)
  from json_to_recordset($3) as r (
    tenant_id text, instance_id text, path text, operation text, generation integer, kind text, severity text,
    state text, code text, message text, message_shape text, outcome text, occurrence integer, retry_safe boolean,
    retry_safe_until float8,
    retry_safe_reason text, suggested_actions text[], occurred_at float8, resolved_at float8, resolved_by text,
    flow_team text, escalation_level integer, escalated_to text, escalates_at float8, escalation_refused text,
    sla_due_at float8, resets integer, chain integer, seq bigint
  )
  left join txn on txn.tenant_id = r.tenant_id and txn.instance_id = r.instance_id
  cross join lateral (
    select r.state in ('open', 'reopened')
      and (r.resets, r.chain, r.seq) < (txn.complete_resets, txn.complete_chain, txn.complete_seq) as is_over
  ) as judged
  where r.resets >= coalesce(txn.resets, 0)
  on conflict (tenant_id, instance_id, path, operation, generation) do update set
    kind = excluded.kind,
    severity = excluded.severity,
    state = excluded.state,
    code = excluded.code,
    message = excluded.message,
    message_shape = excluded.message_shape,
    group_hash = excluded.group_hash,
    outcome = excluded.outcome,
    occurrence = excluded.occurrence,
    retry_safe = excluded.retry_safe,
    retry_safe_until = excluded.retry_safe_until,
    retry_safe_reason = excluded.retry_safe_reason,
    suggested_actions = excluded.suggested_actions,
    occurred_at = excluded.occurred_at,
    resolved_at = excluded.resolved_at,
    resolved_by = excluded.resolved_by,
    resets = excluded.resets,
    chain = excluded.chain,
    seq = excluded.seq,
    flow_team = excluded.flow_team,
    escalation_level = excluded.escalation_level,
    escalated_to = excluded.escalated_to,
    escalates_at = excluded.escalates_at,
    escalation_refused = excluded.escalation_refused,
    sla_due_at = excluded.sla_due_at,
    updated_at = now(),
    acknowledged_by = case when ${IS_NEWS} then null else stored.acknowledged_by end,
    acknowledged_at = case when ${IS_NEWS} then null else stored.acknowledged_at end,
    snoozed_until = case when ${IS_NEWS} then null else stored.snoozed_until end,
    handled = stored.handled and not ${IS_GROWN},
    handled_by = case when ${IS_GROWN} then null else stored.handled_by end,
    handled_at = case when ${IS_GROWN} then null else stored.handled_at end,
    handled_remark = case when ${IS_GROWN} then null else stored.handled_remark end
  where (excluded.resets, excluded.chain, excluded.seq) >= (stored.resets, stored.chain, stored.seq)
  returning ${exceptionEvent("stored")}, stored.id, stored.state, stored.occurrence, stored.escalation_level`
