/**
 * One database transaction within one attempt: READ COMMITTED, every wait bounded on the server, stopped on the
 * server when the attempt is, and settled when this returns. What it throws says in which phase it went wrong.
 *
 * T1 before COMMIT is sent, a lost connection is a rollback. T2 after that only the barrier can tell.
 * T3 a connection that had a transport error is never used again.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { ClientBase, PoolClient, QueryResult, QueryResultRow } from "pg"
import { toError } from "../../contract/errors.ts"
import { abortable } from "../abortable.ts"
import { leavesCommitOpen, sqlStateOf } from "./classify.ts"
import type { Database } from "./database.ts"

/** What is kept of an attempt for the way back. */
const MARGIN_MS = 50
/** How long a statement may take to end after the server was told to stop it. */
const CANCEL_PATIENCE_MS = 500
const ROLLBACK_PATIENCE_MS = 500
/** How long an attempt that is over waits for the end of its COMMIT. */
const COMMIT_PATIENCE_MS = 300

export interface TransactionOptions {
  database: Database
  access: "read only" | "read write"
  /** Milliseconds since the epoch. */
  deadline: number
  signal: AbortSignal
}

/** One statement with bound values, always by the extended protocol, which takes exactly one. */
export type Run = <Row extends QueryResultRow>(text: string, values?: unknown[]) => Promise<QueryResult<Row>>

export class TransactionFailed extends Error {
  /** `connect`: nothing was sent. `work`: rolled back. `commit`: the answer to COMMIT is missing. */
  readonly phase: "connect" | "work" | "commit"

  constructor(phase: TransactionFailed["phase"], cause: Error) {
    super(cause.message, { cause })
    this.name = "TransactionFailed"
    this.phase = phase
  }
}

/** Ends the transaction without an error: nothing of it stays. */
export class RolledBack<T> extends Error {
  readonly value: T

  constructor(value: T) {
    super("rolled back on purpose")
    this.value = value
  }
}

/** Throws `TransactionFailed`, or what `work` threw as `RolledBack`. */
export async function inTransaction<T>(
  options: TransactionOptions,
  work: (run: Run) => Promise<T>,
): Promise<T> {
  const { signal } = options
  const client = await acquire(options)
  const backend = watchBackend(client, options)
  try {
    backend.own(await begin(client, options))
    const run = createRun(client)
    const result = await work((text, values) => {
      signal.throwIfAborted()
      return run(text, values)
    })
    signal.throwIfAborted()
    await backend.commit()
    client.release()
    return result
  } catch (thrown) {
    const error = toError(thrown)
    if (backend.phase() === "commit" && isOpen(error)) {
      client.release(error)
      throw new TransactionFailed("commit", error)
    }
    await rollBack(client, signal)
    if (error instanceof RolledBack) throw error
    // After an abort the server's "canceled" is only the echo of our own reason.
    throw new TransactionFailed("work", signal.aborted ? toError(signal.reason) : error)
  } finally {
    backend.stop()
  }
}

export function createRun(client: ClientBase): Run {
  return (text, values = []) => {
    const query = { text, values, queryMode: "extended" }
    return client.query(query)
  }
}

async function acquire({ database, signal }: TransactionOptions): Promise<PoolClient> {
  const connecting = database.pool.connect()
  try {
    return await abortable(connecting, signal)
  } catch (thrown) {
    // It may still come, for nobody.
    connecting.then(
      (client) => client.release(),
      () => undefined,
    )
    throw new TransactionFailed("connect", toError(thrown))
  }
}

async function begin(client: PoolClient, { access, deadline }: TransactionOptions): Promise<number> {
  const limit = Math.max(Math.floor(deadline - Date.now() - MARGIN_MS), 1)
  // A duplicate that waits for the first attempt's row must end by its lock, not by its statement.
  const locks = Math.max(Math.floor(limit * 0.8), 1)
  // Several statements come back as several results; the numbers are ours.
  const results = (await client.query(
    `begin isolation level read committed ${access};
     set local statement_timeout = ${limit};
     set local lock_timeout = ${locks};
     set local idle_in_transaction_session_timeout = ${limit + MARGIN_MS};
     select pg_backend_pid() as pid`,
  )) as unknown as QueryResult<{ pid: number }>[]
  return results.at(-1)?.rows[0]?.pid ?? 0
}

interface BackendWatch {
  own(backend: number): void
  commit(): Promise<void>
  phase(): "work" | "commit"
  stop(): void
}

/** Stops on the server what runs when the attempt is aborted. */
function watchBackend(client: PoolClient, { database, signal }: TransactionOptions): BackendWatch {
  let backend = 0
  let phase: "work" | "commit" = "work"
  let over = false
  const stopWork = async (): Promise<void> => {
    if (backend !== 0) await database.cancel(backend)
    await sleep(CANCEL_PATIENCE_MS, undefined, { ref: false })
    // The server did not listen: without its connection it rolls back by itself. Rejects only when it is closed.
    if (!over) await client.end().catch(() => undefined)
  }
  const onAbort = (): void => {
    // Never rejects.
    if (phase === "work") void stopWork()
  }
  signal.addEventListener("abort", onAbort, { once: true })
  return {
    own(pid) {
      backend = pid
      signal.throwIfAborted()
    },
    async commit() {
      phase = "commit"
      const { command } = await withPatience(client.query("commit"), signal)
      if (command === "COMMIT") return
      // A transaction that had failed silently: the server says so in the command's tag.
      phase = "work"
      throw new Error(`the server answered COMMIT with ${command}`)
    },
    phase: () => phase,
    stop() {
      over = true
      signal.removeEventListener("abort", onAbort)
    },
  }
}

/** Unlike other statements a COMMIT is waited for when the attempt is over, for a moment. */
async function withPatience<T>(commit: Promise<T>, signal: AbortSignal): Promise<T> {
  const patience = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const onAbort = (): void => {
    timer = setTimeout(() => patience.abort(signal.reason), COMMIT_PATIENCE_MS)
  }
  signal.addEventListener("abort", onAbort, { once: true })
  try {
    return await abortable(commit, patience.signal)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener("abort", onAbort)
  }
}

/** After this the transaction is gone: by the server's word, or because its connection is. Never rejects. */
async function rollBack(client: PoolClient, signal: AbortSignal): Promise<void> {
  try {
    await abortable(client.query("rollback"), AbortSignal.timeout(ROLLBACK_PATIENCE_MS))
    // A late cancel of this attempt must not meet the next one's statement.
    client.release(signal.aborted)
  } catch (thrown) {
    client.release(toError(thrown))
  }
}

function isOpen(error: Error): boolean {
  const state = sqlStateOf(error)
  return state === undefined || leavesCommitOpen(state)
}
