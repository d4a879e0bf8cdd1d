-- How a transaction that goes backward stands, and how each task is undone.
alter table txn add column pivot_passed boolean not null default false;
alter table txn_task add column undo json;
