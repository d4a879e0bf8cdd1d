import pg, { type ClientBase, type QueryResult, type QueryResultRow } from "pg"
import { beginTogether, commitTogether, findBackend } from "../../../barrier/postgres-message.ts"
import { CommitRefused, type RowSet, type Session } from "../database.ts"
import { MAX_ROWS } from "../run-statement.ts"
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
  const run = (text: string, values: readonly Scalar[] = []): Promise<RowSet> =>
    execute(client, { text, values: [...values] })
  return {
    run,
    /** Through a cursor, so that a query without a limit does not fill the worker's memory. */
    async read(text, values, limit) {
      await run(`declare holdfast_rows no scroll cursor for ${text}`, values)
      return run(`fetch forward ${limit} from holdfast_rows`)
    },
    async begin({ access, statementMs, lockMs }, first) {
      const settings = [
        `begin isolation level read committed ${access}`,
        `set local statement_timeout = ${statementMs}`,
        `set local lock_timeout = ${lockMs}`,
        `set local idle_in_transaction_session_timeout = ${statementMs + 50}`,
      ]
      const begun = await beginTogether(client, settings, first)
      backend = begun.backend
      return toRowSet(begun.answer)
    },
    async commit(last) {
      const { command } = await commitTogether(client, last)
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

/** Row by row, so that a statement that returns all that it changed does not fill the worker's memory. */
function execute(client: ClientBase, { text, values }: { text: string; values: Scalar[] }): Promise<RowSet> {
  return new Promise((resolve, reject) => {
    const rows: RowSet["rows"] = []
    const config = { text, values, queryMode: "extended" }
    const query = new pg.Query<QueryResultRow>(config)
      // One more than an output has tells that there were more.
      .on("row", (row) => void (rows.length <= MAX_ROWS && rows.push(row)))
      .on("error", reject)
      .on("end", ({ rowCount }) => resolve({ rows, count: rowCount ?? 0 }))
    client.query(query)
  })
}

function toRowSet({ rows, rowCount }: QueryResult<QueryResultRow>): RowSet {
  return { rows, count: rowCount ?? 0 }
}
