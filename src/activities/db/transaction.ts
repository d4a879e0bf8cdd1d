/**
 * One database transaction within one attempt: READ COMMITTED, every wait bounded on the server, stopped on the
 * server when the attempt is, and settled when this returns. What it throws says in which phase it went wrong.
 *
 * T1 before COMMIT is sent, a lost connection is a rollback. T2 after that only the barrier can tell, unless the
 * server says that the statement before it failed.
 * T3 a connection that had a transport error is never used again.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { toError } from "../../contract/errors.ts"
import { abortable } from "../abortable.ts"
import type { BarrierStatement } from "../../barrier/enter.ts"
import {
  type BeginOptions,
  CommitRefused,
  type Database,
  type Queries,
  type RowSet,
  type Session,
} from "./database.ts"

/** What is kept of an attempt for the way back. */
const MARGIN_MS = 50
/** How long a statement may take to end after the server was told to stop it. */
const CANCEL_PATIENCE_MS = 500
const ROLLBACK_PATIENCE_MS = 500
/** How long an attempt that is over waits for the end of its COMMIT. */
const COMMIT_PATIENCE_MS = 300

export interface TransactionOptions {
  database: Database
  access: BeginOptions["access"]
  /** Milliseconds since the epoch. */
  deadline: number
  signal: AbortSignal
}

export class TransactionFailed extends Error {
  /**
   * `connect`: nothing was sent. `work`: rolled back. `torn`: rolled back, but for what cannot be. `commit`: the
   * answer to COMMIT is missing.
   */
  readonly phase: "connect" | "work" | "torn" | "commit"

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

/** One that is about to begin. */
export interface Transaction extends Queries {
  /** Before anything else. */
  begin: (first?: BarrierStatement) => Promise<RowSet>
}

export interface Work<T> {
  value: T
  /** Carried out in the message of COMMIT. */
  last?: BarrierStatement
}

/** Throws `TransactionFailed`, or what `work` threw as `RolledBack`. */
export async function inTransaction<T>(
  { database, access, deadline, signal }: TransactionOptions,
  work: (transaction: Transaction) => Promise<Work<T>>,
): Promise<T> {
  const session = await acquire(database, signal)
  const watch = watchSession(session, signal)
  try {
    const begin = (first?: BarrierStatement) => session.begin({ access, ...limitsUntil(deadline) }, first)
    const { value, last } = await work(untilAborted({ ...session, begin }, signal))
    signal.throwIfAborted()
    await watch.commit(last)
    session.release()
    return value
  } catch (thrown) {
    const error = toError(thrown)
    if (watch.phase() === "commit" && isOpen(error, database)) {
      session.discard()
      throw new TransactionFailed("commit", error)
    }
    const end = await rollBack(session, signal)
    // After an abort the server's "canceled" is only the echo of our own reason.
    const cause = signal.aborted ? toError(signal.reason) : error
    if (end === "incomplete") throw new TransactionFailed("torn", cause)
    if (error instanceof RolledBack) throw error
    throw new TransactionFailed("work", cause)
  } finally {
    watch.stop()
  }
}

async function acquire(database: Database, signal: AbortSignal): Promise<Session> {
  const opening = database.open()
  try {
    return await abortable(opening, signal)
  } catch (thrown) {
    // It may still come, for nobody.
    opening.then(
      (session) => session.release(),
      () => undefined,
    )
    throw new TransactionFailed("connect", toError(thrown))
  }
}

function limitsUntil(deadline: number): Pick<BeginOptions, "statementMs" | "lockMs"> {
  const statementMs = Math.max(Math.floor(deadline - Date.now() - MARGIN_MS), 1)
  // A duplicate that waits for the first attempt's row must end by its lock, not by its statement.
  return { statementMs, lockMs: Math.max(Math.floor(statementMs * 0.8), 1) }
}

function untilAborted({ begin, run, read }: Transaction, signal: AbortSignal): Transaction {
  return {
    begin(first) {
      signal.throwIfAborted()
      return begin(first)
    },
    run(text, values) {
      signal.throwIfAborted()
      return run(text, values)
    },
    read(text, values, limit) {
      signal.throwIfAborted()
      return read(text, values, limit)
    },
  }
}

interface SessionWatch {
  commit(last: BarrierStatement | undefined): Promise<void>
  phase(): "work" | "commit"
  stop(): void
}

/** Stops on the server what runs when the attempt is aborted. */
function watchSession(session: Session, signal: AbortSignal): SessionWatch {
  let phase: "work" | "commit" = "work"
  let over = false
  const stopWork = async (): Promise<void> => {
    await session.cancel()
    await sleep(CANCEL_PATIENCE_MS, undefined, { ref: false })
    // The server did not listen: without its connection it rolls back by itself.
    if (!over) session.discard()
  }
  const onAbort = (): void => {
    // Never rejects.
    if (phase === "work") void stopWork()
  }
  signal.addEventListener("abort", onAbort, { once: true })
  return {
    async commit(last) {
      phase = "commit"
      await withPatience(session.commit(last), signal)
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
async function rollBack(session: Session, signal: AbortSignal): Promise<"complete" | "incomplete"> {
  try {
    const end = await abortable(session.rollBack(), AbortSignal.timeout(ROLLBACK_PATIENCE_MS))
    // A late cancel of this attempt must not meet the next one's statement.
    if (signal.aborted) session.discard()
    else session.release()
    return end
  } catch {
    session.discard()
    return "complete"
  }
}

function isOpen(error: Error, database: Database): boolean {
  return !(error instanceof CommitRefused) && database.readError(error)?.leavesCommitOpen !== false
}
