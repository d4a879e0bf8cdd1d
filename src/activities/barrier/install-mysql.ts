/** The barrier table (design 4.3) for MySQL and MariaDB, in an engine that has transactions. */
import { BARRIER_TABLE } from "../../contract/sql.ts"
import { toError } from "../../contract/errors.ts"
import { Misconfigured } from "../call.ts"
import type { Run } from "../db/database.ts"
import { isAccessDenied } from "../db/mysql/classify.ts"

/** `id` is the sha256 of the key, which may be longer than an index takes. */
const CREATE = `
create table if not exists ${BARRIER_TABLE} (
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
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin`

const FIND =
  "select 1 as found from information_schema.tables where table_schema = database() and table_name = ?"

/** Creates the table where it is missing. Throws `Misconfigured` (`barrier_missing`) when the user may not. */
export async function installMysqlBarrier(run: Run): Promise<void> {
  const { rows } = await run(FIND, [BARRIER_TABLE])
  if (rows.length > 0) return
  try {
    await run(CREATE)
  } catch (thrown) {
    const error = toError(thrown)
    if (!isAccessDenied(error)) throw error
    throw new Misconfigured(
      "barrier_missing",
      `the table ${BARRIER_TABLE} is missing and this user may not create it (${error.message}): have an administrator create it, and grant select, insert and update on it`,
      { cause: error },
    )
  }
}
