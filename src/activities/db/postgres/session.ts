import type { ClientBase, QueryResult, QueryResultRow } from "pg"
import type { BarrierStatement } from "../../../barrier/enter.ts"
import { toPostgresText } from "../../../barrier/postgres-statements.ts"
import { CommitRefused, type RowSet, type Session } from "../database.ts"
import type { Scalar } from "../statement.ts"

export interface SessionEnds {
  release: () => void
  /** Does not throw. */
  discard: () => void
  /** Never rejects. */
  cancel: (backend: number) => Promise<void>
}

/** Statements go by the extended protocol, which takes exactly one; ours together, with their values in the text. */
export function createPostgresSession(client: ClientBase, ends: SessionEnds): Session {
  let backend = knownBackends.get(client)
  let ended = false
  const end = (how: () => void): void => {
    if (ended) return
    ended = true
    how()
  }
  const run = async (text: string, values: readonly Scalar[] = []): Promise<RowSet> => {
    const query = { text, values: [...values], queryMode: "extended" }
    return toRowSet(await client.query<QueryResultRow>(query))
  }
  const runAll = async (statements: readonly string[]): Promise<Result[]> => {
    const results: unknown = await client.query(statements.join(";\n"))
    // Several statements come back as several results, one as its own, whatever the library's types say.
    return (Array.isArray(results) ? results : [results]) as Result[]
  }
  const toText = (statement: BarrierStatement) =>
    toPostgresText(statement, (text) => client.escapeLiteral(text))
  return {
    run,
    /** Through a cursor, so that a query without a limit does not fill the worker's memory. */
    async read(text, values, limit) {
      await run(`declare holdfast_rows no scroll cursor for ${text}`, values)
      return run(`fetch forward ${limit} from holdfast_rows`)
    },
    async begin({ access, statementMs, lockMs }, first) {
      const results = await runAll([
        `begin isolation level read committed ${access}`,
        `set local statement_timeout = ${statementMs}`,
        `set local lock_timeout = ${lockMs}`,
        `set local idle_in_transaction_session_timeout = ${statementMs + 50}`,
        // The barrier's own answer it too.
        first === undefined ? "select pg_backend_pid() as pid" : toText(first),
      ])
      const opened = results.at(-1)
      if (opened === undefined) throw new Error("the server answered BEGIN with nothing")
      const pid: unknown = opened.rows[0]?.["pid"]
      if (typeof pid === "number") {
        backend = pid
        remember(client, pid)
      }
      return toRowSet(opened)
    },
    async commit(last) {
      const results = await runAll([...(last === undefined ? [] : [toText(last)]), "commit"])
      const command = results.at(-1)?.command
      // Of a transaction that had failed silently: the server says so in the command's tag.
      if (command !== "COMMIT") throw new CommitRefused(`the server answered COMMIT with ${command}`)
    },
    async rollBack() {
      await client.query("rollback")
      return "complete"
    },
    async cancel() {
      if (backend !== undefined) await ends.cancel(backend)
    },
    release: () => end(ends.release),
    discard: () => end(ends.discard),
  }
}

type Result = QueryResult<Record<string, unknown>>

/**
 * By which a statement can be stopped that waits in the very message that asks for the backend's number. Not behind a
 * pooler, where a connection has another backend in each transaction, and a number of the pooler's own: there a
 * connection that waits so is closed instead.
 */
const knownBackends = new WeakMap<ClientBase, number>()

function remember(client: ClientBase, backend: number): void {
  if ("processID" in client && client.processID === backend) knownBackends.set(client, backend)
}

function toRowSet({ rows, rowCount }: QueryResult<QueryResultRow>): RowSet {
  return { rows, count: rowCount ?? 0 }
}
