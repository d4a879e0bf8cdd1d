/** Part of `write-changes.ts`, parameter $5. A log: a write that is repeated after a lost answer adds nothing. */
export const INSERT_ATTEMPTS = `
  insert into txn_attempt (
    tenant_id, instance_id, path, generation, operation, attempt, class, outcome, code, message, request, response,
    peer, bytes_sent, bytes_received, started_at, ended_at
  )
  select
    r.tenant_id, r.instance_id, r.path, r.generation, r.operation, r.attempt, r.class, r.outcome, r.code, r.message,
    r.request::json, r.response::json, r.peer, r.bytes_sent, r.bytes_received,
    to_timestamp(r.started_at / 1000.0), to_timestamp(r.ended_at / 1000.0)
  from json_to_recordset($5) as r (
    tenant_id text, instance_id text, path text, generation integer, operation text, attempt integer, class text,
    outcome text, code text, message text, request text, response text, peer text, bytes_sent bigint,
    bytes_received bigint, started_at float8, ended_at float8
  )
  on conflict do nothing
  returning 1`
