/** What a SQLSTATE tells the barrier. */

/** Of another transaction, or over a prepared statement that is gone: the whole of this one may run again. */
export const POSTGRES_CONFLICTS = ["40001", "40P01", "26000"]

const INSUFFICIENT_PRIVILEGE = "42501"
const UNDEFINED_TABLE = "42P01"

/** Errors of a COMMIT that leave open whether it was carried out. Others say that it was not. */
export function leavesCommitOpen(state: string): boolean {
  return /^(?:08|57P0[123]|40003|XX)/.test(state)
}

/** Of an error that the server reported; `undefined` for one of the connection. */
export function sqlStateOf(error: Error): string | undefined {
  const isState = "code" in error && typeof error.code === "string" && /^[0-9A-Z]{5}$/.test(error.code)
  // Node's own codes may have five letters too (EPIPE); only the server's errors have a severity.
  return isState && "severity" in error ? (error.code as string) : undefined
}

export function isPrivilegeMissing(error: Error): boolean {
  return sqlStateOf(error) === INSUFFICIENT_PRIVILEGE
}

/** An earlier statement of the transaction failed: all of it will be rolled back. */
export function isAborted(error: Error): boolean {
  return sqlStateOf(error) === "25P02"
}

export function isStatementGone(error: Error): boolean {
  return sqlStateOf(error) === "26000"
}

export function isTableMissing(error: Error): boolean {
  return sqlStateOf(error) === UNDEFINED_TABLE
}
