-- Decisions that wait for a second person, and who approved those that needed one.

-- As the workflow tells it: id, action, task, operation, requester, at, expires_at (milliseconds). Null: none.
alter table txn add column pending_approvals json;
create index txn_pending_approvals on txn (tenant_id) where pending_approvals is not null;

alter table decision add column approvals json not null default '[]';
