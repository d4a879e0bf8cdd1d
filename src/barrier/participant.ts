/** What the barrier needs of a participant's database, whichever it is. */
import type { BarrierStatement, BarrierStatements, BarrierTransaction } from "./enter.ts"

/** @typeParam Tx what the callbacks are given: a connection of the driver's. */
export interface ParticipantDatabase<Tx> {
  statements: BarrierStatements
  /** From the participant's own pool. */
  open(): Promise<ParticipantSession<Tx>>
  /** Of another transaction: the whole of this one may run again at once. */
  isConflict(error: Error): boolean
  /** As an answer to COMMIT it does not say whether that was carried out. */
  leavesCommitOpen(error: Error): boolean
  isTableMissing(error: Error): boolean
}

/** One connection, for one transaction; it ends with `commit` or `rollBack`, which give it back. */
export interface ParticipantSession<Tx> {
  tx: Tx
  /** READ COMMITTED, with waits bounded on the server for this transaction alone, and this statement in it. */
  begin(first: BarrierStatement, timeoutMs: number): ReturnType<BarrierTransaction["begin"]>
  run: BarrierTransaction["run"]
  /**
   * @param last changes one row, where the transaction is still the barrier's. Throws `NotCommitted` where it is not,
   *   or where it is certain that nothing was kept.
   */
  commit(last: BarrierStatement | undefined): Promise<void>
  /** Also after an error of the connection, which is closed then. Never rejects. */
  rollBack(): Promise<void>
}

/** Nothing of the barrier's transaction was kept, for the reason that `cause` gives. */
export class NotCommitted extends Error {
  override readonly cause: Error

  constructor(cause: Error) {
    super(cause.message)
    this.cause = cause
  }
}

/** A duplicate that waits for the first attempt's row must end by its lock, not by its statement. */
export function toLockMs(timeoutMs: number): number {
  return Math.max(Math.floor(timeoutMs * 0.8), 1)
}
