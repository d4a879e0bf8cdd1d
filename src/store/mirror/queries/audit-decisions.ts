/**
 * Part of `write-changes.ts`: a decision that was recorded just now gets its row of the audit trail. The rows that one
 * statement writes are locked before the head of the chain is, and that before the events' lock, so that no two wait
 * for each other. A transaction that was purged and is rebuilt brings decisions whose rows are there: they stayed.
 */
export const AUDIT_DECISIONS = `
  insert into audit (
    tenant_id, at, actor, roles, action, instance_id, subject, reason, attest, executed_externally, evidence, before,
    after, update_id, approvals
  )
  select
    d.tenant_id, d.decided_at, d.actor, d.roles, d.action, d.instance_id, d.path, d.reason, d.attest,
    d.executed_externally, d.evidence, d.before, d.after, d.decision_id, d.approvals
  from decisions as d
  cross join (
    select count(*) from (
      select from transactions union all select from tasks union all select from exceptions
      union all select from attempts
    ) as written
  ) as written
  where not exists (
    select from audit as a
    where a.tenant_id = d.tenant_id and a.instance_id = d.instance_id and a.update_id = d.decision_id
      and a.at = d.decided_at
  )
  order by d.tenant_id, d.decided_at, d.instance_id, d.decision_id
  returning seq`
