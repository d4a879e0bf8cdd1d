-- What waits for a person, for figures that are asked every few seconds.
create index exception_open on exception (tenant_id, kind) where state in ('open', 'reopened');
-- What the purge asks: which ends are final, the oldest first.
create index txn_ended on txn (ended_at) where confirmed_at is not null;
