import type { ClientBase, QueryResult, QueryResultRow } from "pg"
import { isStatementGone } from "../../../barrier/postgres-errors.ts"
import {
  findBackend,
  forgetPrepared,
  learnBackend,
  toMessagePart,
} from "../../../barrier/postgres-message.ts"
import { toError } from "../../../contract/errors.ts"
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
  // Needed before the server can say it, when the first statement waits.
  let backend = findBackend(client)
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
    const results: unknown = await client.query(statements.join(";\n")).catch((thrown: unknown) => {
      if (isStatementGone(toError(thrown))) forgetPrepared(client)
      throw thrown
    })
    // Several statements come back as several results, one as its own, whatever the library's types say.
    return (Array.isArray(results) ? results : [results]) as Result[]
  }
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
        first === undefined ? "select pg_backend_pid() as pid" : await toMessagePart(client, first),
      ])
      const opened = results.at(-1)
      if (opened === undefined) throw new Error("the server answered BEGIN with nothing")
      const pid: unknown = opened.rows[0]?.["pid"]
      if (typeof pid === "number") {
        backend = pid
        learnBackend(client, pid)
      }
      return toRowSet(opened)
    },
    async commit(last) {
      const results = await runAll([
        ...(last === undefined ? [] : [await toMessagePart(client, last)]),
        "commit",
      ])
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

function toRowSet({ rows, rowCount }: QueryResult<QueryResultRow>): RowSet {
  return { rows, count: rowCount ?? 0 }
}
