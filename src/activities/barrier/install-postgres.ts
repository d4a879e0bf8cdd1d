/** The barrier table (design 4.3). It lives in the business database, so that it commits with the effect. */
import type { Pool, PoolClient } from "pg"
import { BARRIER_TABLE } from "../../contract/sql.ts"
import { Misconfigured } from "../call.ts"
import { sqlStateOf } from "../db/postgres/classify.ts"
import { toError } from "../../contract/errors.ts"

const CREATE = `
create table if not exists ${BARRIER_TABLE} (
  txn         text not null,
  task        text not null,
  generation  integer not null,
  state       text not null check (state in ('APPLIED', 'COMPENSATED', 'BLOCKED')),
  fingerprint text,
  result      json,
  comp_result json,
  created_at  timestamptz not null default now(),
  applied_at  timestamptz,
  closed_at   timestamptz,
  primary key (txn, task, generation)
)`

/** "holdfast", for the advisory lock that keeps two workers from creating the table at once. */
const LOCK = 0x686f6c64

/** Creates the table where it is missing. Throws `Misconfigured` (`barrier_missing`) when the role may not. */
export async function installPostgresBarrier(pool: Pool): Promise<void> {
  const client = await pool.connect()
  try {
    await install(client)
    client.release()
  } catch (thrown) {
    const error = toError(thrown)
    client.release(error)
    if (sqlStateOf(error) !== "42501") throw error
    throw new Misconfigured(
      "barrier_missing",
      `the table ${BARRIER_TABLE} is missing and this role may not create it (${error.message}): have the database's owner create it, and grant select, insert and update on it`,
      { cause: error },
    )
  }
}

async function install(client: PoolClient): Promise<void> {
  const { rows } = await client.query<{ found: boolean }>(
    `select to_regclass('${BARRIER_TABLE}') is not null as found`,
  )
  if (rows[0]?.found === true) return
  await client.query(`begin; select pg_advisory_xact_lock(${LOCK}); ${CREATE}; commit`)
}
