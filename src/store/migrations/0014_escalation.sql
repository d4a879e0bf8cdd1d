-- Who hears of an exception that nobody resolves. All of it is the engine's word; whom people gave it to
-- is in `owner` and `team`.
alter table exception
  -- The flow's, before a person says.
  add column flow_team text,
  add column escalation_level integer not null default 0,
  add column escalated_to text,
  add column escalates_at timestamptz,
  add column escalation_refused text,
  add column sla_due_at timestamptz;

create index exception_overdue on exception (tenant_id, sla_due_at) where state in ('open', 'reopened');
