/** What an error number of MySQL or MariaDB tells the barrier. */

/** Deadlock; a table or a row that changed under the transaction: the whole of it may run again. */
export const MYSQL_CONFLICTS = [1213, 1020, 1412, 1615]

const DUPLICATE_KEY = 1062
const ACCESS_DENIED = 1142
const NO_SUCH_TABLE = 1146

/** Of an error that the server reported; `undefined` for one of the connection, whose number is Node's. */
export function mysqlNumberOf(thrown: unknown): number | undefined {
  if (!(thrown instanceof Error && "errno" in thrown && "sqlState" in thrown)) return undefined
  const { errno, sqlState } = thrown
  return typeof errno === "number" && typeof sqlState === "string" ? errno : undefined
}

export function isDuplicateKey(thrown: unknown): boolean {
  return mysqlNumberOf(thrown) === DUPLICATE_KEY
}

export function isAccessDenied(thrown: unknown): boolean {
  return mysqlNumberOf(thrown) === ACCESS_DENIED
}

export function isMissingTable(thrown: unknown): boolean {
  return mysqlNumberOf(thrown) === NO_SUCH_TABLE
}
