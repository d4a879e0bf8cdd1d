-- One decision for many transactions. What a job is about is frozen when it is made: `bulk_item`.
create table bulk_job (
  tenant_id  text not null,
  id         text not null,
  action     text not null,
  reason     text not null,
  -- As it was asked for.
  filter     json not null,
  actor      text not null,
  roles      text[] not null,
  -- Decisions in a second.
  velocity   double precision not null,
  -- So many results are awaited before the rest goes on.
  canary     int not null,
  -- The share of failures, above which it stops.
  stop_above double precision not null,
  -- How long results are awaited.
  settle_ms  bigint not null,
  state      text not null,
  state_reason text,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  -- Of the last start or resume: failures before it do not count for the next stop.
  resumed_at timestamptz,
  ended_at   timestamptz,
  primary key (tenant_id, id)
);
create index bulk_job_newest on bulk_job (tenant_id, created_at desc, id);

create table bulk_item (
  tenant_id    text not null,
  job_id       text not null,
  -- The order they are taken in.
  seq          int not null,
  instance_id  text not null,
  -- The open exception that a retry or a probe answers; null for what is about a whole transaction.
  exception_id bigint,
  -- Of its task; empty for a whole transaction.
  path         text not null,
  operation    text not null,
  -- What the task's target promises of a repeated call; null for a whole transaction.
  effect       text,
  -- That the transaction has to have still; null where an exception has to be open still.
  version      bigint,
  state        text not null,
  -- Grows when it is tried again.
  round        int not null default 1,
  -- How often it could not be asked: those that can be go first.
  tries        int not null default 0,
  -- Set before the decision is sent.
  decision_id  text,
  -- Why it was refused or failed.
  code         text,
  detail       text,
  sent_at      timestamptz,
  settled_at   timestamptz,
  primary key (tenant_id, job_id, seq),
  foreign key (tenant_id, job_id) references bulk_job (tenant_id, id) on delete cascade
);
create index bulk_item_state on bulk_item (tenant_id, job_id, state, tries, seq);

-- What jobs look for: open exceptions among many that are over.
create index exception_waiting on exception (tenant_id, occurred_at desc, id) where state in ('open', 'reopened');
