-- What waits for a person, for figures that are asked every few seconds.
create index exception_open on exception (tenant_id, kind) where state in ('open', 'reopened');
