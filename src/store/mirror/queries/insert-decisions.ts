/** Part of `write-changes.ts`, parameter $4. A decision is a fact: what is recorded stays. */
export const INSERT_DECISIONS = `
  insert into decision (
    tenant_id, instance_id, decision_id, action, path, actor, roles, reason, attest, executed_externally,
    evidence, approvals, before, after, decided_at
  )
  select
    r.tenant_id, r.instance_id, r.decision_id, r.action, r.path, r.actor, r.roles, r.reason, r.attest,
    r.executed_externally, r.evidence::json, r.approvals::json, r.before::json, r.after::json, to_timestamp(r.decided_at / 1000.0)
  from json_to_recordset($4) as r (
    tenant_id text, instance_id text, decision_id text, action text, path text, actor text, roles text[], reason text,
    attest text, executed_externally boolean, evidence text, approvals text, before text, after text, decided_at float8
  )
  on conflict do nothing
  returning *`
