/** The barrier's table (design 4.3). It lives in the business database, so that it commits with the effect. */
import { BARRIER_TABLE, type SqlDialect } from "../contract/sql.ts"

/**
 * Does nothing where the table is. In MySQL `id` is the sha256 of the key, which may be longer than an index takes.
 * `state` is APPLIED, COMPENSATED or BLOCKED; a check of it would be a third of what an insert costs in Postgres.
 */
export const CREATE_BARRIER_TABLE: Record<SqlDialect, string> = {
  postgres: `create table if not exists ${BARRIER_TABLE} (
  txn         text not null,
  task        text not null,
  generation  integer not null,
  state       text not null,
  fingerprint text,
  result      json,
  comp_result json,
  created_at  timestamptz not null default now(),
  applied_at  timestamptz,
  closed_at   timestamptz,
  primary key (txn, task, generation)
)`,
  mysql: `create table if not exists ${BARRIER_TABLE} (
  id          varbinary(64) not null primary key,
  txn         text not null,
  task        text not null,
  generation  int not null,
  state       varchar(16) not null,
  fingerprint varchar(64),
  result      longtext,
  comp_result longtext,
  created_at  timestamp(6) not null default current_timestamp(6),
  applied_at  timestamp(6) null,
  closed_at   timestamp(6) null
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin`,
}
