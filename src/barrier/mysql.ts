import type { Pool, PoolConnection, ResultSetHeader, RowDataPacket } from "mysql2/promise"
import { toError } from "../contract/errors.ts"
import { BarrierError } from "./barrier-error.ts"
import type { BarrierRows } from "./enter.ts"
import { isMissingTable, MYSQL_CONFLICTS, mysqlNumberOf } from "./mysql-errors.ts"
import { mysqlStatements } from "./mysql-statements.ts"
import { NotCommitted, type ParticipantDatabase, type ParticipantSession, toLockMs } from "./participant.ts"

/** Of the flags that a server sends with each result. */
const IN_TRANSACTION = 1
const MIN_LOCK_WAIT_S = 1

/**
 * The database of this pool, of MySQL or MariaDB. Callbacks get a connection of it, within the barrier's transaction.
 * Only waits for locks are bounded: neither server can bound every statement for one transaction alone.
 */
export function mysql(pool: Pool): ParticipantDatabase<PoolConnection> {
  return {
    statements: mysqlStatements,
    open: async () => createSession(await pool.getConnection()),
    isConflict: (error) => MYSQL_CONFLICTS.some((number) => number === mysqlNumberOf(error)),
    leavesCommitOpen: (error) => !MYSQL_CONFLICTS.some((number) => number === mysqlNumberOf(error)),
    isTableMissing: isMissingTable,
  }
}

function createSession(connection: PoolConnection): ParticipantSession<PoolConnection> {
  const run = async (text: string, values: readonly (string | number)[] = []): Promise<Ran> => {
    const query = { sql: text, rowsAsArray: false }
    const [result] = await connection.execute<ResultSetHeader | RowDataPacket[]>(query, [...values])
    return Array.isArray(result)
      ? { rows: result, count: result.length, status: undefined }
      : { rows: [], count: result.affectedRows, status: result.serverStatus }
  }
  /** The pool's connection as it was. One that cannot be had so is closed. */
  const giveBack = async (): Promise<void> => {
    try {
      await connection.query("set session innodb_lock_wait_timeout = @holdfast_lock_wait")
      connection.release()
    } catch {
      connection.destroy()
    }
  }
  return {
    tx: connection,
    run,
    async begin(first, timeoutMs) {
      const seconds = Math.max(Math.floor(toLockMs(timeoutMs) / 1_000), MIN_LOCK_WAIT_S)
      await connection.query(
        `set @holdfast_lock_wait = @@session.innodb_lock_wait_timeout, session innodb_lock_wait_timeout = ${seconds}`,
      )
      // Of the next transaction alone.
      await connection.query("set transaction isolation level read committed")
      await connection.query("start transaction read write")
      return run(first.text, first.values)
    },
    async commit(last) {
      if (last !== undefined) {
        const { count, status = 0 } = await run(last.text, last.values).catch((thrown: unknown) => {
          throw new NotCommitted(toError(thrown))
        })
        if (count !== 1 || (status & IN_TRANSACTION) === 0) throw new NotCommitted(ended())
      }
      await connection.query("commit")
      await giveBack()
    },
    async rollBack() {
      try {
        await connection.query("rollback")
      } catch {
        connection.destroy()
        return
      }
      await giveBack()
    },
  }
}

interface Ran extends BarrierRows {
  status: number | undefined
}

function ended(): BarrierError {
  return new BarrierError(
    "transaction_ended",
    "the barrier's transaction ended within the callback, and with it what was to be one: leave BEGIN, COMMIT, ROLLBACK, changes of the schema and LOCK TABLES out of it, and let the errors of its statements through",
  )
}
