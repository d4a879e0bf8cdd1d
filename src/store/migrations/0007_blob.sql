-- Outputs that are too large to travel through Temporal: a run holds the sha256 of each. Kept once per transaction,
-- however often an attempt brings them; Postgres compresses them and keeps them out of the row. `text`, since JSON
-- as it is written holds neither NUL nor half a character.
create table blob (
  tenant_id   text not null,
  instance_id text not null,
  -- Of the content in UTF-8, hex.
  sha256      text not null,
  bytes       integer not null,
  content     text not null,
  created_at  timestamptz not null default now(),
  primary key (tenant_id, instance_id, sha256)
);

-- Where the whole output is, when `output` only says that it is kept. Nothing in `output` says so: targets write that.
alter table txn_task add column output_sha256 text;
