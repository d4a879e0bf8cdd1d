-- What people say of an exception: the mirror leaves it alone, except that a record which is opened again is news,
-- so its acknowledgement and its sleep are over (`upsert-exceptions.ts`).
alter table exception
  add column acknowledged_by text,
  add column acknowledged_at timestamptz,
  add column owner text,
  add column team text,
  add column snoozed_until timestamptz,
  -- The message without what differs from one failure to the next (`message-shape.ts`).
  add column message_shape text,
  -- Null where the flow was not known, and in rows of older writers: then it is computed when it is read.
  add column group_hash text;

create table exception_comment (
  id           bigint generated always as identity primary key,
  tenant_id    text not null,
  exception_id bigint not null references exception (id) on delete cascade,
  actor        text not null,
  text         text not null,
  at           timestamptz not null default now()
);
create index exception_comment_exception on exception_comment (tenant_id, exception_id, at, id);

-- What failed in the same way has the same group. Null where one of the facts is.
create function exception_group(flow text, task text, operation text, kind text, code text, shape text)
returns text language sql stable strict as $$
  select left(
    encode(sha256(convert_to(json_build_array(flow, task, operation, kind, code, shape)::text, 'UTF8')), 'hex'), 16
  )
$$;

-- Rows that are there get a plain shape, without digits only: their records get the whole one when they change next.
update exception as stored
set message_shape = plain.shape,
    group_hash = exception_group(t.flow_id, e.path, e.operation, e.kind, e.code, plain.shape)
from exception as e
left join txn as t on t.tenant_id = e.tenant_id and t.instance_id = e.instance_id
cross join lateral (select regexp_replace(e.message, '[0-9]+([.,:][0-9]+)*', '<n>', 'g') as shape) as plain
where stored.id = e.id;

create index exception_group_hash on exception (tenant_id, group_hash);
