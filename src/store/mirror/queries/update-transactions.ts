import { transactionEvent } from "../../events/event-columns.ts"

/**
 * Part of `write-changes.ts`, parameter $1. Only rows that exist: the API makes them, and the sweeper those of
 * workflows that came another way. A later run (reset, continued, resumed) takes an end's confirmation away.
 */
export const UPDATE_TRANSACTIONS = `
  update txn as stored set
    status = r.status,
    version = r.version,
    overridden = r.overridden,
    paused = r.paused,
    overdue = r.overdue,
    pivot_passed = r.pivot_passed,
    deadline_at = to_timestamp(r.deadline_at / 1000.0),
    open_exceptions = r.open_exceptions,
    ignored_messages = r.ignored_messages,
    pending_approvals = r.pending_approvals::json,
    output = r.output::json,
    error = r.error::json,
    started_at = to_timestamp(r.started_at / 1000.0),
    ended_at = to_timestamp(r.ended_at / 1000.0),
    run_id = coalesce(r.run_id, stored.run_id),
    resets = r.resets,
    chain = r.chain,
    seq = r.seq,
    updated_at = now(),
    dispatched_at = coalesce(stored.dispatched_at, now()),
    confirmed_at = case when (r.resets, r.chain) > (stored.resets, stored.chain) then null else stored.confirmed_at end
  from json_to_recordset($1) as r (
    tenant_id text, instance_id text, status text, version integer, overridden boolean, paused boolean,
    overdue boolean, pivot_passed boolean, deadline_at float8, open_exceptions integer,
    ignored_messages integer, pending_approvals text, output text, error text, started_at float8, ended_at float8, run_id text,
    resets integer, chain integer, seq bigint
  )
  where stored.tenant_id = r.tenant_id and stored.instance_id = r.instance_id
    and (r.resets, r.chain, r.seq) >= (stored.resets, stored.chain, stored.seq)
  returning ${transactionEvent("stored")}`
