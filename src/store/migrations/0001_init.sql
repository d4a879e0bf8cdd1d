-- Holdfast's own tables. Values of users are `json`, not `jsonb`: it keeps key order, and it takes the
-- escapes \u0000 and lone surrogates, which jsonb refuses and a payload may hold.

create table flow (
  tenant_id    text not null,
  id           text not null,
  name         text not null,
  description  text not null default '',
  flow_type    text not null default '',
  active_version integer not null,
  is_active    boolean not null default true,
  create_user  text not null default '',
  updated_user text not null default '',
  created_at   timestamptz not null default now(),
  updated_at   timestamptz not null default now(),
  deleted_at   timestamptz,
  primary key (tenant_id, id)
);
create unique index flow_name on flow (tenant_id, name) where deleted_at is null;

-- Immutable: a new definition is a new version.
create table flow_version (
  tenant_id   text not null,
  flow_id     text not null,
  version     integer not null,
  -- The definition as it was sent: an object's JSON text, or the text of a JSON string.
  source      text not null,
  source_kind text not null check (source_kind in ('object', 'string')),
  plan        bytea not null,
  plan_hash   text not null,
  params_schema json,
  warnings    json not null default '[]',
  created_by  text not null default '',
  created_at  timestamptz not null default now(),
  primary key (tenant_id, flow_id, version),
  foreign key (tenant_id, flow_id) references flow (tenant_id, id)
);

-- One row a transaction. Columns from `status` on are mirrored from the workflow.
create table txn (
  tenant_id    text not null,
  instance_id  text not null,
  workflow_id  text not null,
  flow_id      text not null,
  flow_name    text not null,
  flow_version integer not null,
  plan_hash    text not null,
  params       json not null,
  request_hash text not null,
  business_key text,
  actor        text not null,
  created_at   timestamptz not null default now(),
  -- Null until Temporal accepted the start: the sweeper starts such orphans.
  dispatched_at timestamptz,

  status       text not null default 'pending',
  version      integer not null default 0,
  overridden   boolean not null default false,
  open_exceptions integer not null default 0,
  ignored_messages integer not null default 0,
  output       json,
  error        json,
  started_at   timestamptz,
  ended_at     timestamptz,
  run_id       text,
  -- What orders mirror rows: (resets, chain, seq); a row is taken when it is not older.
  resets       integer not null default 0,
  chain        integer not null default 0,
  seq          bigint not null default 0,
  -- Where the newest change stood that brought every row: an older exception it did not bring is over.
  complete_resets integer not null default 0,
  complete_chain integer not null default 0,
  complete_seq bigint not null default 0,
  updated_at   timestamptz not null default now(),
  -- When Temporal's close status was seen; until then an end is provisional.
  confirmed_at timestamptz,
  -- When the sweeper last compared the transaction with Temporal.
  checked_at   timestamptz,
  primary key (tenant_id, instance_id)
) with (fillfactor = 80);
create index txn_created on txn (tenant_id, created_at desc, instance_id);
create index txn_workflow on txn (workflow_id);
create index txn_business_key on txn (tenant_id, business_key) where business_key is not null;
-- The sweeper's question: what is open or unconfirmed. Rows leave this index once, at the end.
create index txn_unconfirmed on txn (created_at) where confirmed_at is null;
create index txn_orphan on txn (created_at) where dispatched_at is null;

-- The resets of a run get their order here: run ids have none.
create table txn_reset (
  tenant_id   text not null,
  instance_id text not null,
  run_id      text not null,
  resets      integer not null,
  primary key (tenant_id, instance_id, run_id),
  unique (tenant_id, instance_id, resets)
);

create table txn_task (
  tenant_id    text not null,
  instance_id  text not null,
  path         text not null,
  task_index   integer not null,
  generation   integer not null,
  status       text not null,
  outcome      text not null,
  compensation text not null,
  reason       text,
  input        json,
  output       json,
  -- The workflow keeps the output no longer; what is here came earlier.
  output_dropped boolean not null default false,
  error        json,
  started_at   timestamptz,
  ended_at     timestamptz,
  resets       integer not null,
  chain        integer not null,
  seq          bigint not null,
  updated_at   timestamptz not null default now(),
  primary key (tenant_id, instance_id, path)
) with (fillfactor = 80);

create table txn_attempt (
  tenant_id    text not null,
  instance_id  text not null,
  path         text not null,
  generation   integer not null,
  operation    text not null,
  attempt      integer not null,
  class        text not null,
  outcome      text not null,
  code         text,
  message      text,
  request      json,
  response     json,
  peer         text,
  bytes_sent   bigint,
  bytes_received bigint,
  started_at   timestamptz not null,
  ended_at     timestamptz not null,
  -- A repeated write of the same attempt is not a second one.
  primary key (tenant_id, instance_id, path, started_at, generation, operation, attempt)
) partition by range (started_at);
create table txn_attempt_default partition of txn_attempt default;

-- One record per task, operation and generation; repeats raise `occurrence`. Engine columns are mirrored,
-- human ones (from `handled` on) are born here and survive a rebuild.
create table exception (
  id           bigint generated always as identity primary key,
  tenant_id    text not null,
  instance_id  text not null,
  -- '' for the transaction itself.
  path         text not null,
  operation    text not null,
  generation   integer not null,
  kind         text not null,
  severity     text not null,
  state        text not null,
  code         text not null,
  message      text not null,
  outcome      text not null,
  occurrence   integer not null,
  retry_safe   boolean not null,
  retry_safe_reason text not null,
  suggested_actions text[] not null,
  occurred_at  timestamptz not null,
  resolved_at  timestamptz,
  resolved_by  text,
  resets       integer not null,
  chain        integer not null,
  seq          bigint not null,
  updated_at   timestamptz not null default now(),
  handled      boolean not null default false,
  handled_by   text,
  handled_at   timestamptz,
  handled_remark text,
  unique (tenant_id, instance_id, path, operation, generation)
) with (fillfactor = 80);
create index exception_occurred on exception (tenant_id, occurred_at desc, id);

create table decision (
  tenant_id    text not null,
  instance_id  text not null,
  decision_id  text not null,
  action       text not null,
  path         text,
  actor        text not null,
  reason       text,
  attest       text,
  executed_externally boolean,
  evidence     json,
  before       json not null,
  after        json not null,
  decided_at   timestamptz not null,
  recorded_at  timestamptz not null default now(),
  primary key (tenant_id, instance_id, decision_id)
);

-- Answers of changing requests by `Idempotency-Key`.
create table idempotency (
  tenant_id    text not null,
  key          text not null,
  request_hash text not null,
  -- Null while the first request is still at work.
  status       integer,
  body         json,
  headers      json,
  created_at   timestamptz not null default now(),
  primary key (tenant_id, key)
);

create table api_key (
  id           text primary key,
  tenant_id    text not null,
  name         text not null,
  -- sha256 of the secret part; the secret is shown once and never stored.
  secret_hash  bytea not null,
  scopes       text[] not null,
  created_at   timestamptz not null default now(),
  expires_at   timestamptz not null,
  last_used_at timestamptz,
  revoked_at   timestamptz
);

-- Who writes the mirror. A row whose advisory lock nobody holds is a writer that vanished: what it had in hand
-- may be lost, so the sweeper compares the open transactions with Temporal, then deletes the row.
create table mirror_writer (
  id           integer generated always as identity primary key,
  application  text not null,
  started_at   timestamptz not null default now(),
  vanished_at  timestamptz
);

-- How far the sweeper has read Temporal's visibility, in Temporal's own time.
create table sweep_watermark (
  scan         text primary key,
  seen_until   timestamptz not null
);
