import { describe, expect, test } from "vitest"
import { classifyMysqlError, readMysqlError } from "./classify.ts"

/** The rows of the table (transactions reference, 6.5), with the states that the servers send. */
const ROWS = {
  "deadlock: the whole transaction may run again": [[1213, "40001"]],
  "lock wait, after an explicit rollback": [[1205, "HY000"]],
  "NOWAIT, too many connections, read-only, interrupted, too long": [
    [3572, "HY000"],
    [1040, "08004"],
    [1203, "42000"],
    [1290, "HY000"],
    [1836, "HY000"],
    [1317, "70100"],
    [3024, "HY000"],
    [1969, "70100"],
  ],
  "business keys, constraints, values, SIGNAL": [
    [1062, "23000"],
    [1452, "23000"],
    [1451, "23000"],
    [3819, "HY000"],
    [4025, "23000"],
    [1264, "22003"],
    [1406, "22001"],
    [1644, "45000"],
    [1369, "HY000"],
  ],
  "access, names, grammar": [
    [1044, "42000"],
    [1045, "28000"],
    [1049, "42000"],
    [1054, "42S22"],
    [1064, "42000"],
    [1142, "42000"],
    [1146, "42S02"],
  ],
} as const satisfies Record<string, readonly (readonly [number, string])[]>

const EXPECTED: Record<keyof typeof ROWS, object> = {
  "deadlock: the whole transaction may run again": { class: "not_executed", conflict: true },
  "lock wait, after an explicit rollback": { class: "not_executed" },
  "NOWAIT, too many connections, read-only, interrupted, too long": { class: "not_executed" },
  "business keys, constraints, values, SIGNAL": { class: "refused" },
  "access, names, grammar": { class: "misconfigured" },
}

describe("classifyMysqlError()", () => {
  for (const [name, rows] of Object.entries(ROWS))
    test.each([...rows])(`${name}: %d`, (number, state) => {
      // A key of the same table.
      expect(classifyMysqlError(number, state)).toEqual(EXPECTED[name as keyof typeof ROWS])
    })

  test("reads other numbers by their state, and what says nothing as not run", () => {
    expect(classifyMysqlError(9_999, "45001")).toEqual({ class: "refused" })
    expect(classifyMysqlError(9_999, "22032")).toEqual({ class: "refused" })
    expect(classifyMysqlError(1242, "21000")).toEqual({ class: "misconfigured" })
    expect(classifyMysqlError(9_999, "42000")).toEqual({ class: "misconfigured" })
    expect(classifyMysqlError(9_999, "HY000")).toEqual({ class: "not_executed" })
    expect(classifyMysqlError(1194, "HY000")).toEqual({ class: "misconfigured", left: "unknown" })
  })
})

describe("readMysqlError()", () => {
  const reported = (errno: number, sqlState: string) => Object.assign(new Error("x"), { errno, sqlState })

  test("tells the server's errors from the socket's", () => {
    expect(readMysqlError(reported(1062, "23000"))).toMatchObject({ code: "MYSQL_1062", duplicateKey: true })
    for (const lost of [
      Object.assign(new Error("x"), { errno: -104, code: "ECONNRESET" }),
      Object.assign(new Error("x"), { code: "PROTOCOL_CONNECTION_LOST", fatal: true }),
    ])
      expect(readMysqlError(lost)).toBeUndefined()
  })

  test("reads a failed handshake by what the driver leaves of its error", () => {
    const failed = (more: object) =>
      readMysqlError(Object.assign(new Error("x"), { code: "HANDSHAKE_SSL_ERROR", fatal: true, ...more }))
    expect(failed({})).toMatchObject({ class: "misconfigured", code: "HANDSHAKE_SSL_ERROR" })
    expect(failed({ reason: "no name fits", host: "h", cert: {} })).toMatchObject({
      class: "misconfigured",
      code: "ERR_TLS_CERT_ALTNAME_INVALID",
    })
    expect(failed({ library: "SSL routines", reason: "tlsv1 alert unknown ca" })).toMatchObject({
      class: "misconfigured",
      code: "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA",
    })
    // Nothing was sent, and nothing is said of a certificate: the connection's errors are not executed.
    expect(failed({ library: "SSL routines", reason: "wrong version number" })).toBeUndefined()
    expect(failed({ errno: -104, syscall: "read" })).toBeUndefined()
  })

  test("asks the barrier after a COMMIT that was not plainly refused", () => {
    for (const [number, state] of [
      [1317, "70100"],
      [1180, "HY000"],
      [1053, "08S01"],
      [1927, "70100"],
    ] as const)
      expect(readMysqlError(reported(number, state))?.leavesCommitOpen, String(number)).toBe(true)
    for (const [number, state] of [
      [1213, "40001"],
      [1452, "23000"],
    ] as const)
      expect(readMysqlError(reported(number, state))?.leavesCommitOpen, String(number)).toBe(false)
  })
})
