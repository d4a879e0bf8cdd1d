-- How a transaction that goes backward stands, and how each task is undone.
alter table txn add column pivot_passed boolean not null default false;
alter table txn_task add column undo json;
-- The target forgets the key then, and a plain retry is safe no longer; null: never.
alter table exception add column retry_safe_until timestamptz;
