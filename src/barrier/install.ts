import { toError } from "../contract/errors.ts"
import { BARRIER_TABLE, type SqlDialect } from "../contract/sql.ts"
import { BarrierError } from "./barrier-error.ts"
import type { BarrierTransaction } from "./enter.ts"
import { isAccessDenied } from "./mysql-errors.ts"
import { isPrivilegeMissing } from "./postgres-errors.ts"
import { CREATE_BARRIER_TABLE } from "./tables.ts"

export type Installed = "created" | "was_there"

/** Of the server, where it can be told for one transaction alone: one who has gone must not wait on there. */
const LOCK_MS = 8_000

/** "holdfast", for the advisory lock that keeps two workers from creating the table at once. */
const LOCK = 0x686f6c64

interface DialectInstall {
  /** One row, of the column `found`. */
  find: string
  /** One after the other, on one connection. */
  create: readonly string[]
  isForbidden: (error: Error) => boolean
}

const INSTALL: Record<SqlDialect, DialectInstall> = {
  postgres: {
    find: `select to_regclass('${BARRIER_TABLE}') is not null as found`,
    create: [
      "begin",
      `set local lock_timeout = ${LOCK_MS}`,
      `select pg_advisory_xact_lock(${LOCK})`,
      CREATE_BARRIER_TABLE.postgres,
      "commit",
    ],
    isForbidden: isPrivilegeMissing,
  },
  mysql: {
    find: `select count(*) > 0 as found from information_schema.tables
           where table_schema = database() and table_name = '${BARRIER_TABLE}'`,
    create: [CREATE_BARRIER_TABLE.mysql],
    isForbidden: isAccessDenied,
  },
}

/**
 * Creates the table where it is missing. Throws `BarrierError` (`barrier_missing`) when this user may not; after any
 * error the connection is to be closed.
 * @param run on one connection, outside of a transaction.
 */
export async function installBarrier(
  dialect: SqlDialect,
  run: BarrierTransaction["run"],
): Promise<Installed> {
  const { find, create, isForbidden } = INSTALL[dialect]
  const { rows } = await run(find)
  // A boolean, or a number that a driver may give as text.
  if ([true, 1, "1"].some((yes) => yes === rows[0]?.["found"])) return "was_there"
  try {
    for (const statement of create) await run(statement)
    return "created"
  } catch (thrown) {
    const error = toError(thrown)
    if (!isForbidden(error)) throw error
    throw new BarrierError(
      "barrier_missing",
      `the table ${BARRIER_TABLE} is missing and this user may not create it (${error.message}): have an administrator create it (holdfast barrier install --print shows how), and grant select, insert and update on it`,
      { cause: error },
    )
  }
}
