import { DatabaseError } from "pg"

/**
 * What a failed write means for what was being written.
 * `row`: something in it can never be stored, so it must be found and left out.
 * `slow`: it may have been too much at once; nothing in it is bad, and the connection is good.
 * `again`: it lost against somebody else's lock, and may be tried at once.
 * `outage`: nothing was wrong with it; Postgres, or the way there, is.
 */
export type WriteFailure = "row" | "slow" | "again" | "outage"

/** Data exceptions, broken constraints, a row twice in one statement, a key too long for its index. */
const CLASSES_OF_BAD_ROWS = new Set(["21", "22", "23", "54"])
/** Serialization failure, deadlock, lock timeout. */
const LOST_RACES = new Set(["40001", "40P01", "55P03"])
/** The session's `statement_timeout`, or somebody who cancelled the statement. */
const CANCELED = "57014"

/** A value that cannot be JSON (a BigInt, a cycle): bad before Postgres sees it. */
export class UnstorableValue extends Error {
  override readonly name = "UnstorableValue"
}

export function judgeWriteError(error: Error): WriteFailure {
  if (error instanceof UnstorableValue) return "row"
  if (!(error instanceof DatabaseError) || error.code === undefined) return "outage"
  if (error.code === CANCELED) return "slow"
  if (LOST_RACES.has(error.code)) return "again"
  return CLASSES_OF_BAD_ROWS.has(error.code.slice(0, 2)) ? "row" : "outage"
}
