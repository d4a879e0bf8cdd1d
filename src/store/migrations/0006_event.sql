-- What happened, for those who listen: each row is written by the statement whose rows it tells of. Their order
-- is that of their ids: `src/store/events/insert-events.ts`.
create sequence event_id;
create table event (
  id          bigint not null default nextval('event_id'),
  tenant_id   text not null,
  instance_id text not null,
  type        text not null,
  data        json not null,
  at          timestamptz not null default now(),
  primary key (id, at)
) partition by range (at);
create table event_default partition of event default;
create index event_instance on event (tenant_id, instance_id, id);
