import { taskEvent } from "../../events/event-columns.ts"

/**
 * Part of `write-changes.ts`, parameter $2. Rows of a run that a reset abandoned stay out. A row whose payload
 * the workflow keeps no longer leaves the stored one in place.
 */
export const UPSERT_TASKS = `
  insert into txn_task as stored (
    tenant_id, instance_id, path, task_index, generation, status, outcome, compensation, undo, reason,
    input, output, output_sha256, output_dropped, error, started_at, ended_at, resets, chain, seq
  )
  select
    r.tenant_id, r.instance_id, r.path, r.task_index, r.generation, r.status, r.outcome, r.compensation,
    r.undo::json, r.reason,
    r.input::json, r.output::json, r.output_sha256, r.output_dropped, r.error::json,
    to_timestamp(r.started_at / 1000.0), to_timestamp(r.ended_at / 1000.0), r.resets, r.chain, r.seq
  from json_to_recordset($2) as r (
    tenant_id text, instance_id text, path text, task_index integer, generation integer, status text, outcome text,
    compensation text, undo text, reason text, input text, output text, output_sha256 text, output_dropped boolean,
    error text, started_at float8, ended_at float8, resets integer, chain integer, seq bigint
  )
  left join txn on txn.tenant_id = r.tenant_id and txn.instance_id = r.instance_id
  where r.resets >= coalesce(txn.resets, 0)
  on conflict (tenant_id, instance_id, path) do update set
    task_index = excluded.task_index,
    generation = excluded.generation,
    status = excluded.status,
    outcome = excluded.outcome,
    compensation = excluded.compensation,
    undo = excluded.undo,
    reason = excluded.reason,
    input = case when excluded.input is null and excluded.generation = stored.generation
      then stored.input else excluded.input end,
    output = case when excluded.output is null and excluded.output_dropped and excluded.generation = stored.generation
      then stored.output else excluded.output end,
    output_sha256 = case when excluded.output is null and excluded.output_dropped
        and excluded.generation = stored.generation
      then stored.output_sha256 else excluded.output_sha256 end,
    output_dropped = excluded.output_dropped,
    error = excluded.error,
    started_at = excluded.started_at,
    ended_at = excluded.ended_at,
    resets = excluded.resets,
    chain = excluded.chain,
    seq = excluded.seq,
    updated_at = now()
  where (excluded.resets, excluded.chain, excluded.seq) >= (stored.resets, stored.chain, stored.seq)
  returning ${taskEvent("stored")}`
