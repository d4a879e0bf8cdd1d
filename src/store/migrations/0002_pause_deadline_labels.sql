alter table txn
  add column paused boolean not null default false,
  add column overdue boolean not null default false,
  add column deadline_at timestamptz,
  -- Names and texts that the flow gives its transactions; for filters.
  add column labels jsonb not null default '{}';
create index txn_labels on txn using gin (labels jsonb_path_ops) where labels <> '{}';
