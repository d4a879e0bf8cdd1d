import mysql, { type Connection, type FieldPacket, type ResultSetHeader } from "mysql2"
import type { BarrierStatement } from "../../../barrier/enter.ts"
import { abortable } from "../../abortable.ts"
import type { RowSet, Session } from "../database.ts"
import { MAX_ROWS } from "../run-statement.ts"
import type { Scalar } from "../statement.ts"
import { toColumnValue } from "./column-values.ts"

export interface ServerFacts {
  connectionId: number
  isMariaDb: boolean
}

export interface SessionEnds {
  release: () => void
  /** Does not throw. */
  discard: () => void
  /** Never rejects. */
  cancel: (connectionId: number) => Promise<void>
}

/** Shorter ones cannot be told to the server. */
const MIN_LOCK_WAIT_S = 1

/**
 * Statements are prepared by the server, which takes exactly one and no value in its text. MySQL bounds only reads in
 * time, so the attempt's end is also enforced by KILL QUERY; MariaDB bounds all of them.
 */
export function createMysqlSession(connection: Connection, server: ServerFacts, ends: SessionEnds): Session {
  let ended = false
  const end = (how: () => void): void => {
    if (ended) return
    ended = true
    how()
  }
  // The library does not tell what runs on a connection that is closed from this side.
  const gone = new AbortController()
  const untilGone = <T>(work: Promise<T>): Promise<T> => abortable(work, gone.signal)
  const tell = (sql: string) => untilGone(command(connection, sql))
  // Its own escaping holds, since the session's mode has backslashes (database.ts).
  const toText = (statement: BarrierStatement | undefined): string[] =>
    statement === undefined ? [] : [connection.format(statement.text, [...statement.values])]
  return {
    run: (text, values = []) => untilGone(execute(connection, { text, values, limit: MAX_ROWS + 1 })),
    read: (text, values, limit) => untilGone(execute(connection, { text, values, limit })),
    async begin({ access, statementMs, lockMs }, first) {
      const lockWait = Math.max(Math.floor(lockMs / 1_000), MIN_LOCK_WAIT_S)
      const bound = server.isMariaDb
        ? `max_statement_time = ${statementMs / 1_000}, idle_transaction_timeout = ${Math.ceil(statementMs / 1_000)}`
        : `max_execution_time = ${statementMs}`
      const settings = `set session innodb_lock_wait_timeout = ${lockWait}, ${bound}`
      return untilGone(tellAll(connection, [settings, `start transaction ${access}`, ...toText(first)]))
    },
    async commit(last) {
      await untilGone(tellAll(connection, [...toText(last), "commit"]))
    },
    async rollBack() {
      const { warningStatus } = await tell("rollback")
      // 1196, the only warning of a ROLLBACK: tables of an engine that has no transactions were changed.
      return warningStatus > 0 ? "incomplete" : "complete"
    },
    cancel: () => ends.cancel(server.connectionId),
    release: () => end(ends.release),
    discard: () =>
      end(() => {
        ends.discard()
        gone.abort(new Error("the connection was given up"))
      }),
  }
}

/** A statement of ours, without values and rows. */
export function command(connection: Connection, sql: string): Promise<ResultSetHeader> {
  return new Promise((resolve, reject) => {
    connection.query<ResultSetHeader>(sql, (error, header) => (error ? reject(error) : resolve(header)))
  })
}

/** Several of ours in one message, of which one that fails is the last. Answers what the last one gave. */
function tellAll(connection: Connection, statements: readonly string[]): Promise<RowSet> {
  return new Promise((resolve, reject) => {
    connection.query(statements.join(";\n"), (error: Error | null, results: unknown) => {
      if (error) return reject(error)
      const last = statements.length > 1 && Array.isArray(results) ? results.at(-1) : results
      // Rows as objects, which the library makes of a select, or the header of what changed something.
      if (Array.isArray(last)) return resolve({ rows: last as RowSet["rows"], count: last.length })
      return resolve({ rows: [], count: (last as ResultSetHeader).affectedRows })
    })
  })
}

/** Row by row, so that a query without a limit does not fill the worker's memory. */
export function execute(
  connection: Connection,
  { text, values, limit }: { text: string; values: readonly Scalar[]; limit: number },
): Promise<RowSet> {
  return new Promise((resolve, reject) => {
    const rows: Record<string, unknown>[] = []
    let columns: readonly FieldPacket[] = []
    let count = 0
    let insertId: string | undefined
    const settle = (how: () => void): void => {
      // What runs when a connection breaks is not told itself.
      connection.off("error", fail)
      how()
    }
    const fail = (error: Error): void => settle(() => reject(error))
    connection.on("error", fail)
    connection
      .execute({ sql: text, values: values.map(toParameter), rowsAsArray: true })
      .on("error", fail)
      .on("fields", (fields: FieldPacket[] | undefined) => (columns = fields ?? []))
      .on("result", (result: unknown[] | ResultSetHeader) => {
        if (Array.isArray(result)) {
          count++
          if (rows.length < limit) rows.push(toRow(result, columns))
          return
        }
        count = result.affectedRows
        // Text where the library is asked for it, whatever its types say.
        insertId = String(result.insertId)
      })
      .on("end", () =>
        settle(() =>
          resolve({ rows, count, ...(insertId === undefined || insertId === "0" ? {} : { insertId }) }),
        ),
      )
  })
}

function toRow(values: readonly unknown[], columns: readonly FieldPacket[]): Record<string, unknown> {
  return Object.fromEntries(columns.map((column, at) => [column.name, toColumnValue(values[at], column)]))
}

/** The library sends every number as a double; one that is whole must meet a BIGINT as what it is. */
function toParameter(value: Scalar): unknown {
  return Number.isSafeInteger(value) ? mysql.TypedParameter.BIGINT(value) : value
}
