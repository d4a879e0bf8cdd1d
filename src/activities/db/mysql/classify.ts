/**
 * What an error number of MySQL or MariaDB says of a transaction that was not committed. Normative table:
 * transactions reference, 6.5. A number that is not in it is read by its SQLSTATE; the transaction is always rolled
 * back, so that what neither tells was not executed.
 */
import { MYSQL_CONFLICTS, mysqlNumberOf } from "../../../barrier/mysql-errors.ts"
import { isCertificateAlert } from "../../outbound/transport-error.ts"
import type { SqlFinding } from "../database.ts"
import { classifySqlState } from "../postgres/classify.ts"

const NO_TLS = "HANDSHAKE_NO_SSL_SUPPORT"
const TLS_FAILED = "HANDSHAKE_SSL_ERROR"

export type NumberFinding = Pick<SqlFinding, "class" | "left" | "conflict">

const NOT_EXECUTED = [
  // Lock wait timeout, NOWAIT: the statement alone was undone.
  1205, 3572,
  // Too many connections, of all, of a user, or by a resource limit.
  1040, 1203, 1226,
  // Read-only server, as after a failover; a read-only transaction.
  1290, 1836, 1792,
  // Interrupted: KILL QUERY, max_execution_time, max_statement_time.
  1317, 3024, 1969,
  // Server or connection that is being shut down, or out of memory, disk or room.
  1053, 1927, 1037, 1038, 1041, 1021, 1114, 1637,
]
const REFUSED = [
  // Unique keys, foreign keys, CHECK in MySQL and in MariaDB.
  1062, 1586, 1451, 1452, 1216, 1217, 1557, 1761, 1762, 3819, 4025,
  // Values that do not fit: range, length, kind, null, none given, division by zero.
  1264, 1406, 1366, 1292, 1265, 1690, 1048, 1364, 1365, 1411,
  // A row that a view's WITH CHECK OPTION does not let in, whose state the servers do not agree on.
  1369,
  // SIGNAL.
  1644,
]
const MISCONFIGURED = [
  // Access, names, grammar, grants.
  1044, 1045, 1049, 1054, 1064, 1142, 1143, 1146, 1129, 1130, 1698,
  // Number of columns; a procedure or a function that is missing; a binary log that cannot take READ COMMITTED.
  1136,
  1305, 1665,
]
/** A table or an index that is broken. */
const BROKEN = [1034, 1035, 1194, 1195, 1712, 1877]

const BY_NUMBER = new Map<number, NumberFinding>([
  ...of(NOT_EXECUTED, { class: "not_executed" }),
  ...of(MYSQL_CONFLICTS, { class: "not_executed", conflict: true }),
  ...of(REFUSED, { class: "refused" }),
  ...of(MISCONFIGURED, { class: "misconfigured" }),
  ...of(BROKEN, { class: "misconfigured", left: "unknown" }),
])

export function classifyMysqlError(number: number, state: string): NumberFinding {
  const known = BY_NUMBER.get(number)
  if (known) return known
  // A state of the business's own (SIGNAL).
  return state.startsWith("45") ? { class: "refused" } : classifySqlState({ state })
}

/** `undefined` for an error of the connection. */
export function readMysqlError(error: Error): SqlFinding | undefined {
  // The driver's word for a server that has no TLS where the connection asks for it.
  if ("code" in error && error.code === NO_TLS)
    return { class: "misconfigured", code: NO_TLS, leavesCommitOpen: false }
  if ("code" in error && error.code === TLS_FAILED) return readTlsError(error)
  const errno = mysqlNumberOf(error)
  if (errno === undefined) return undefined
  const finding = classifyMysqlError(errno, "sqlState" in error ? String(error.sqlState) : "")
  return {
    ...finding,
    code: `MYSQL_${errno}`,
    // The barrier is asked whenever the server did not plainly say no.
    leavesCommitOpen: finding.class !== "refused" && finding.conflict !== true,
    writesInRead: errno === 1792,
    duplicateKey: errno === 1062,
  }
}

/**
 * The driver puts its own code over that of a failed handshake. What is left tells them apart: the network's errors have
 * a system call, OpenSSL's a library and its reason, from which Node makes the code; the rest are of the certificate.
 */
function readTlsError(error: Error): SqlFinding | undefined {
  if ("syscall" in error) return undefined
  const alert = "library" in error && "reason" in error ? `ERR_SSL_${toCode(error.reason)}` : undefined
  if (alert !== undefined && !isCertificateAlert(alert)) return undefined
  // Only a name that does not fit comes with the certificate itself.
  const code = alert ?? ("cert" in error ? "ERR_TLS_CERT_ALTNAME_INVALID" : TLS_FAILED)
  return { class: "misconfigured", code, leavesCommitOpen: false }
}

function toCode(reason: unknown): string {
  return String(reason).toUpperCase().replaceAll(" ", "_")
}

function of(numbers: readonly number[], finding: NumberFinding): [number, NumberFinding][] {
  return numbers.map((number) => [number, finding])
}
