-- The transaction that this one does again; it ended without success.
alter table txn add column redo_of text;
create index txn_redo_of on txn (tenant_id, redo_of) where redo_of is not null;
