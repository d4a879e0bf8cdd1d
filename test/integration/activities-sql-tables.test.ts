/**
 * The tables of the transactions reference, 6.5, row by row, with the errors that a real server sends. A server is made
 * to raise each by its own code; that the same come up by themselves, and what is not an error of the server's
 * (connections lost before and in COMMIT), is in activities-databases, -postgres and -mysql.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { Connector } from "../../src/activities/call.ts"
import {
  connectionsOf,
  createCall,
  identity,
  localGuard,
  secretsOf,
} from "../../src/activities/calls.testsuite.ts"
import { createDbConnector } from "../../src/activities/db/connector.ts"
import { type BusinessDatabase, businessDialects } from "../helpers/business-databases.ts"

interface Row {
  row: string
  codes: (string | number)[]
  class: "not_executed" | "unknown" | "refused" | "misconfigured"
  left?: "unknown"
}

const POSTGRES: Row[] = [
  { row: "conflicts", codes: ["40001", "40P01"], class: "not_executed" },
  {
    row: "locks, stopped statements, lack of resources, read-only servers, servers that start",
    codes: ["55P03", "57014", "53000", "53100", "53200", "53300", "53400", "25006", "57P03"],
    class: "not_executed",
  },
  {
    row: "connections and servers that end",
    codes: ["08000", "08001", "08003", "08004", "08006", "57P01", "57P02"],
    class: "not_executed",
  },
  { row: "another transaction's end, unknown", codes: ["08007"], class: "unknown" },
  {
    row: "constraints, values, the business's own errors",
    codes: ["23505", "23503", "23514", "23P01", "22001", "22003", "22012", "22P02", "P0001"],
    class: "refused",
  },
  { row: "a view's WITH CHECK OPTION", codes: ["44000"], class: "refused" },
  {
    row: "names, grammar, grants, logins, features, states of the transaction",
    codes: ["42601", "42P01", "42703", "42501", "3D000", "28000", "28P01", "0A000", "25P02"],
    class: "misconfigured",
  },
  { row: "more rows than one", codes: ["21000"], class: "misconfigured" },
  {
    row: "a server that is broken",
    codes: ["XX000", "XX001", "XX002"],
    class: "misconfigured",
    left: "unknown",
  },
]

const MARIADB: Row[] = [
  { row: "deadlock", codes: [1213], class: "not_executed" },
  { row: "lock wait, rolled back", codes: [1205], class: "not_executed" },
  {
    row: "NOWAIT, too many connections, read-only, interrupted, too long",
    codes: [3572, 1040, 1203, 1290, 1836, 1317, 3024],
    class: "not_executed",
  },
  {
    row: "keys, constraints, values, SIGNAL, a view's WITH CHECK OPTION",
    codes: [1062, 1452, 1451, 3819, 1264, 1406, 1644, 1369],
    class: "refused",
  },
  {
    row: "access, names, grammar",
    codes: [1044, 1045, 1049, 1054, 1064, 1142, 1146],
    class: "misconfigured",
  },
]

const RAISES: Record<string, { rows: Row[]; prefix: string; install: string; placeholder: string }> = {
  Postgres: {
    rows: POSTGRES,
    prefix: "SQLSTATE_",
    placeholder: "$1",
    install:
      "create function fails(code text) returns int language plpgsql as $$ begin raise exception 'as told' using errcode = code; end $$",
  },
  MariaDB: {
    rows: MARIADB,
    prefix: "MYSQL_",
    placeholder: "?",
    install:
      "create function fails(code text) returns int deterministic begin declare number int default code; signal sqlstate '45000' set mysql_errno = number; return 1; end",
  },
}

describe.each(businessDialects.map((dialect) => [dialect.name, dialect] as const))("%s", (name, dialect) => {
  const { rows, prefix, install, placeholder } = RAISES[name] ?? {
    rows: [],
    prefix: "",
    install: "",
    placeholder: "",
  }
  let database: BusinessDatabase
  let connector: Connector
  beforeAll(async () => {
    database = await dialect.open()
    await database.query(install)
    connector = createDbConnector({
      connections: connectionsOf({
        ...database.connection,
        name: "inventory",
        password_secret: "inventory_password",
      }),
      secrets: secretsOf({ inventory_password: database.password }),
      guard: localGuard,
    })
  })
  afterAll(async () => {
    await connector?.close()
    await database?.drop()
  })

  const cases = rows.flatMap(({ codes, ...row }) => codes.map((code) => ({ ...row, code: String(code) })))
  test.each(cases)("$row: $code", async ({ code, class: found, left }) => {
    const note = `code-${code}`
    const sql = `insert into effect (txn, note) select '${note}', fails(${placeholder})`
    const config = { connection: "inventory", sql, args: [code] }
    const request = createCall({ kind: "db", config, identity: { ...identity, transaction: note } })
    const verdict = await connector.call(request)
    expect(verdict).toMatchObject({ class: found, code: `${prefix}${code}`, barrier: true })
    expect("left" in verdict ? verdict.left : undefined).toBe(left)
    expect(await database.query("select * from effect where txn = ?", [note])).toEqual([])
    expect(await database.query("select * from holdfast_barrier where txn = ?", [`acme/${note}`])).toEqual([])
  })
})
