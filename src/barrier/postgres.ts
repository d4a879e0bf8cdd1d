import type { Pool, PoolClient, QueryResult } from "pg"
import { toError } from "../contract/errors.ts"
import { BarrierError } from "./barrier-error.ts"
import type { BarrierRows } from "./enter.ts"
import { NotCommitted, type ParticipantDatabase, type ParticipantSession, toLockMs } from "./participant.ts"
import {
  isAborted,
  isTableMissing,
  leavesCommitOpen,
  POSTGRES_CONFLICTS,
  sqlStateOf,
} from "./postgres-errors.ts"
import { beginTogether, commitTogether } from "./postgres-message.ts"
import { postgresStatements } from "./postgres-statements.ts"

/** The database of this pool. Callbacks get a client of it, within the barrier's transaction. */
export function postgres(pool: Pool): ParticipantDatabase<PoolClient> {
  return {
    statements: postgresStatements,
    open: async () => createSession(await pool.connect()),
    isConflict: (error) => POSTGRES_CONFLICTS.some((state) => state === sqlStateOf(error)),
    leavesCommitOpen(error) {
      const state = sqlStateOf(error)
      return state === undefined || leavesCommitOpen(state)
    },
    isTableMissing,
  }
}

function createSession(client: PoolClient): ParticipantSession<PoolClient> {
  // The query that meets a connection's end tells of it; Node would throw what nobody listens to.
  client.on("error", ignore)
  const release = (error?: Error): void => {
    client.off("error", ignore)
    client.release(error)
  }
  return {
    tx: client,
    async begin(first, timeoutMs) {
      const settings = [
        "begin isolation level read committed read write",
        `set local statement_timeout = ${timeoutMs}`,
        `set local lock_timeout = ${toLockMs(timeoutMs)}`,
        `set local idle_in_transaction_session_timeout = ${timeoutMs}`,
      ]
      return toRows((await beginTogether(client, settings, first)).answer)
    },
    run: async (text, values = []) => toRows(await client.query({ text, values: [...values] })),
    async commit(last) {
      assertOpen(client)
      const { command, changed } = await commitTogether(client, last).catch(notAborted)
      if (command !== "COMMIT") throw new NotCommitted(ended(`the server answered COMMIT with ${command}`))
      if (last !== undefined && changed !== 1)
        throw new NotCommitted(ended("it was rolled back, and another one begun in its place"))
      release()
    },
    async rollBack() {
      try {
        await client.query("rollback")
        release()
      } catch (thrown) {
        release(toError(thrown))
      }
    },
  }
}

function ignore(): void {}

/** What failed may be told of before the state that it left. */
function notAborted(thrown: unknown): never {
  const error = toError(thrown)
  throw isAborted(error) ? new NotCommitted(ended(WENT_ON)) : error
}

/** Older versions of the driver do not know it; then the server's answers tell the half of it. */
function assertOpen(client: PoolClient): void {
  if (!("getTransactionStatus" in client)) return
  const status = client.getTransactionStatus()
  if (status === "I") throw new NotCommitted(ended("it was committed or rolled back before its end"))
  if (status === "E") throw new NotCommitted(ended(WENT_ON))
}

const WENT_ON = "a statement in it failed, and the callback went on"

function ended(reason: string): BarrierError {
  return new BarrierError(
    "transaction_ended",
    `the barrier's transaction cannot be committed: ${reason}. Leave BEGIN, COMMIT and ROLLBACK to the barrier, and let the errors of its statements through`,
  )
}

function toRows({ rows, rowCount }: QueryResult): BarrierRows {
  // Objects, unless a query asks for something else.
  return { rows: rows as Record<string, unknown>[], count: rowCount ?? 0 }
}
