-- What a task_name stands for. Published plans hold what they were compiled from: a change here changes none.
create table task_definition (
  tenant_id    text not null,
  name         text not null,
  type         text not null,
  description  text not null,
  config       json not null,
  input_fields json not null,
  retry        json,
  timeout      json,
  effect       text,
  create_user  text not null,
  updated_user text not null,
  created_at   timestamptz not null default now(),
  updated_at   timestamptz not null default now(),
  primary key (tenant_id, name)
);

-- Statistics of one flow. Not by status: its changes would then rewrite every index of the row.
create index txn_flow on txn (tenant_id, flow_id, created_at);
