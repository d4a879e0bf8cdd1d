-- Who decided and who changed what: rows that are only ever added, in one chain of hashes for each tenant.
-- docs/audit.md says which bytes are hashed. What writes a row gives neither `seq` nor a hash: the trigger does.

-- The roles of whoever decided.
alter table decision add column roles text[] not null default '{}';

create table audit (
  tenant_id    text not null,
  -- 1, 2, 3 and so on: a gap is a row that was taken away.
  seq          bigint not null,
  at           timestamptz not null,
  actor        text not null,
  roles        text[] not null,
  action       text not null,
  -- Of the transaction; it stays when that one is purged. Null where none is meant.
  instance_id  text,
  -- The task that was decided about, or the thing that was changed.
  subject      text,
  reason       text,
  attest       text,
  executed_externally boolean,
  evidence     json,
  before       json,
  after        json,
  -- The decision's id, or the request's `Idempotency-Key`.
  update_id    text,
  approvals    json not null default '[]',
  prev_hash    text not null,
  hash         text not null,
  primary key (tenant_id, seq),
  -- One row for a decision, however often it is told. With its time, which a repeat shares: an instance_id that was
  -- purged may be given again, and its caller may give the same ids to his decisions.
  unique (tenant_id, instance_id, update_id, at)
);

-- The end of each chain. Locked while a row is added, so that nobody else adds one to the same row before it.
create table audit_head (
  tenant_id text primary key,
  seq       bigint not null,
  hash      text not null
);

create function audit_field(name text, value text) returns text language sql immutable as $$
  select name || ':' || coalesce(octet_length(convert_to(value, 'UTF8')) || ':' || value, '-') || E'\n'
$$;

-- The bytes that are hashed; `src/store/audit/row-hash.ts` makes the same ones.
create function audit_record(r audit) returns bytea language sql stable as $$
  select convert_to(
    audit_field('tenant', r.tenant_id) ||
    audit_field('seq', r.seq::text) ||
    audit_field('at', to_char(r.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) ||
    audit_field('actor', r.actor) ||
    audit_field('roles', to_json(r.roles)::text) ||
    audit_field('action', r.action) ||
    audit_field('instance_id', r.instance_id) ||
    audit_field('subject', r.subject) ||
    audit_field('reason', r.reason) ||
    audit_field('attest', r.attest) ||
    audit_field('executed_externally', r.executed_externally::text) ||
    audit_field('evidence', r.evidence::text) ||
    audit_field('before', r.before::text) ||
    audit_field('after', r.after::text) ||
    audit_field('update_id', r.update_id) ||
    audit_field('approvals', r.approvals::text) ||
    audit_field('prev_hash', r.prev_hash),
    'UTF8')
$$;

create function audit_append() returns trigger language plpgsql as $$
begin
  -- The mirror's sessions do not wait for the disk, but what was seen in a chain must not be gone after a crash.
  if current_setting('synchronous_commit') = 'off' then
    perform set_config('synchronous_commit', 'on', true);
  end if;
  -- A process that vanishes before it commits gives the head back.
  perform set_config('idle_in_transaction_session_timeout', '5s', true);
  insert into audit_head (tenant_id, seq, hash) values (new.tenant_id, 1, repeat('0', 64))
    on conflict (tenant_id) do update set seq = audit_head.seq + 1
    returning seq, hash into new.seq, new.prev_hash;
  -- Answers show times to the millisecond: so the hash can be made from an answer.
  new.at := date_trunc('milliseconds', new.at);
  new.hash := encode(sha256(audit_record(new)), 'hex');
  update audit_head set hash = new.hash where tenant_id = new.tenant_id;
  return new;
end
$$;
create trigger audit_append before insert on audit for each row execute function audit_append();

create function audit_refuse() returns trigger language plpgsql as $$
begin
  raise exception 'what is in % is never changed: what was wrong is put right by a new row', tg_table_name
    using errcode = 'insufficient_privilege';
end
$$;
create trigger audit_kept before update or delete or truncate on audit
  for each statement execute function audit_refuse();
create trigger audit_head_kept before delete or truncate on audit_head
  for each statement execute function audit_refuse();

-- The decisions there are.
insert into audit (
  tenant_id, at, actor, roles, action, instance_id, subject, reason, attest, executed_externally, evidence, before,
  after, update_id
)
select
  tenant_id, decided_at, actor, roles, action, instance_id, path, reason, attest, executed_externally, evidence, before,
  after, decision_id
from decision
order by tenant_id, decided_at, instance_id, decision_id;
