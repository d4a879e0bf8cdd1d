/** What a db task needs of a database, whichever it is. Each kind of connection has a folder of its own. */
import type { BarrierStatement, BarrierStatements } from "../../barrier/enter.ts"
import type { Installed } from "../../barrier/install.ts"
import type { FailureClass } from "../../contract/statuses.ts"
import type { Scalar, Statement } from "./statement.ts"

export interface Database {
  /** For the attempt row. */
  name: string
  /** Throws `Misconfigured`. */
  compile(config: Record<string, unknown>): Statement
  barrier: BarrierStatements
  /** Makes sure of the barrier table, once. Throws `Misconfigured` (`barrier_missing`) when the role may not. */
  ensureBarrier(): Promise<Installed>
  /** From the pool. */
  open(): Promise<Session>
  /** Outside of the pool. */
  openFresh(withinMs: number): Promise<Session>
  /** `undefined` for an error that the server did not report. */
  readError(error: Error): SqlFinding | undefined
  /** Address and port that were dialled. */
  peer(): string | undefined
  /** Never rejects. */
  close(): Promise<void>
}

/** One connection. */
export interface Session extends Queries {
  /**
   * READ COMMITTED, with every wait bounded on the server as far as it can do that. In the same message the barrier's
   * first statement, whose rows it answers.
   */
  begin(options: BeginOptions, first?: BarrierStatement): Promise<RowSet>
  /**
   * In the same message the barrier's last statement; one that fails leaves the transaction open. Throws
   * `CommitRefused` where it is certain that nothing was kept.
   */
  commit(last?: BarrierStatement): Promise<void>
  /** `incomplete`: something that was changed cannot be rolled back. */
  rollBack(): Promise<"complete" | "incomplete">
  /** Asks the server, over a connection of its own, to stop what runs here. Never rejects. */
  cancel(): Promise<void>
  /** Back to the pool, for the next one. */
  release(): void
  /** Closed, with whatever runs. Does not throw. */
  discard(): void
}

/** The server answered COMMIT with a rollback. */
export class CommitRefused extends Error {}

export interface BeginOptions {
  access: "read only" | "read write"
  statementMs: number
  /** Less, so that a wait ends by its lock and not by its statement. */
  lockMs: number
}

/** One statement each, with bound values. */
export interface Queries {
  /** Of a statement that gives many rows a few more are kept than an output has; all are counted. */
  run: Run
  /** A query of which no more than `limit` rows are kept, in the worker's memory too. */
  read: (text: string, values: readonly Scalar[], limit: number) => Promise<RowSet>
}

export type Run = (text: string, values?: readonly Scalar[]) => Promise<RowSet>

export interface RowSet {
  /** Values as JSON, or as `toJsonValue` takes them. */
  rows: Record<string, unknown>[]
  /** Rows affected, or read. */
  count: number
  /** Of a row that was added, where the database says it. */
  insertId?: string
}

export interface SqlFinding {
  code: string
  class: FailureClass
  left?: "unknown"
  /** A conflict with another transaction: the whole one may be run again at once. */
  conflict?: boolean
  /** As an answer to COMMIT it leaves open whether that was carried out. */
  leavesCommitOpen: boolean
  /** A statement that writes in a transaction that only reads. */
  writesInRead?: boolean
  /** A unique key has this value already. */
  duplicateKey?: boolean
}
