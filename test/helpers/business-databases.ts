import { setTimeout as sleep } from "node:timers/promises"
import pg from "pg"
import type { DbConnection } from "../../src/contract/connections.ts"
import { createTestDatabase } from "./database.ts"
import { mariadb, startMariaDb } from "./mariadb.ts"

/** A database with the tables of the suite, and an administrator's view of it. */
export interface BusinessDatabase {
  connection: Omit<DbConnection, "name" | "password_secret">
  password: string
  /** Values are ?. */
  query(sql: string, values?: unknown[]): Promise<Record<string, unknown>[]>
  /** What runs now and contains this text. */
  backendsOf(text: string): Promise<number[]>
  /** Whether so many statements of the connector wait for a lock, one unless said. */
  isBlocked(statements?: number): Promise<boolean>
  /** The connector's connections that the server has. */
  sessions(): Promise<number>
  /** One of the connector's connections that are at work, or all. Answers how many it ended. */
  kill(which: "working" | "all"): Promise<number>
  /** Another connection, of an administrator; one statement at a time, without values. */
  openSession(): Promise<{ query(sql: string): Promise<unknown>; close(): Promise<unknown> }>
  /** That the server has met in its life. Postgres' sessions hold their counts back for up to 10 s. */
  deadlocks(): Promise<number>
  drop(): Promise<void>
}

/** What differs in the words of the suite's statements. */
export interface BusinessDialect {
  name: string
  open(): Promise<BusinessDatabase>
  /** Inserts an effect after that many seconds. Takes txn and note. */
  slowCharge(seconds: string): string
  /** Inserts an effect once nobody else holds the stock of A. Takes txn and note. */
  heldCharge: string
  code: { duplicate: string; unknownTable: string; lockWait: string; timeout: string; killed: RegExp }
  placeholder(position: number): string
}

const TABLES = `
  create table stock (sku varchar(64) primary key, on_hand integer not null check (on_hand >= 0), reserved integer not null default 0);
  create table effect (id $SERIAL primary key, txn varchar(128) not null, note varchar(64));
`

const postgres: BusinessDialect = {
  name: "Postgres",
  slowCharge: (seconds) => `insert into effect (txn, note) select $1, $2 from pg_sleep(${seconds})`,
  heldCharge: "insert into effect (txn, note) select $1, $2 from stock where sku = 'A' for update",
  code: {
    duplicate: "SQLSTATE_23505",
    unknownTable: "SQLSTATE_42P01",
    lockWait: "SQLSTATE_55P03",
    timeout: "SQLSTATE_57014",
    killed: /^(SQLSTATE_57P01|connection_lost)$/,
  },
  placeholder: (position) => `$${position}`,
  async open() {
    const database = await createTestDatabase("empty")
    const url = new URL(database.url)
    const pool = new pg.Pool({ connectionString: database.url, max: 4 })
    pool.on("error", () => {})
    await pool.query(TABLES.replace("$SERIAL", "bigint generated always as identity"))
    const ours = "application_name = 'holdfast' and datname = current_database()"
    return {
      connection: {
        kind: "postgres",
        host: "127.0.0.1",
        port: Number(url.port),
        database: url.pathname.slice(1),
        user: url.username,
      },
      password: url.password,
      async query(sql, values = []) {
        let position = 0
        return (
          await pool.query(
            sql.replaceAll("?", () => `$${++position}`),
            values,
          )
        ).rows
      },
      async backendsOf(text) {
        const sql = `select pid from pg_stat_activity where ${ours} and state = 'active' and query like $1`
        return (await pool.query<{ pid: number }>(sql, [`%${text}%`])).rows.map(({ pid }) => pid)
      },
      async isBlocked(statements = 1) {
        const sql = `select from pg_stat_activity where ${ours} and wait_event_type = 'Lock'`
        return ((await pool.query(sql)).rowCount ?? 0) >= statements
      },
      async sessions() {
        return (await pool.query(`select from pg_stat_activity where ${ours}`)).rowCount ?? 0
      },
      async kill(which) {
        const some = which === "all" ? "" : "and state <> 'idle' order by random() limit 1"
        const sql = `select pg_terminate_backend(pid) as has_ended from pg_stat_activity where ${ours} ${some}`
        return (await pool.query<{ has_ended: boolean }>(sql)).rows.filter(({ has_ended }) => has_ended)
          .length
      },
      async openSession() {
        const client = new pg.Client({ connectionString: database.url })
        await client.connect()
        // Of a deadlock the other one looks first, and so is the one that loses.
        await client.query("set deadlock_timeout = '1min'")
        return { query: (sql) => client.query(sql), close: () => client.end() }
      },
      async deadlocks() {
        const sql = "select deadlocks::integer as n from pg_stat_database where datname = current_database()"
        return (await pool.query<{ n: number }>(sql)).rows[0]?.n ?? 0
      },
      async drop() {
        await pool.end()
        await database.drop()
      },
    }
  },
}

const mariaDb: BusinessDialect = {
  name: "MariaDB",
  slowCharge: (seconds) =>
    `insert into effect (txn, note) select ?, ? from (select sleep(${seconds})) as slow`,
  heldCharge: "insert into effect (txn, note) select ?, ? from stock where sku = 'A' for update",
  code: {
    duplicate: "MYSQL_1062",
    unknownTable: "MYSQL_1146",
    lockWait: "MYSQL_1205",
    timeout: "MYSQL_1969",
    killed: /^(MYSQL_1927|connection_lost)$/,
  },
  placeholder: () => "?",
  async open() {
    const server = await startMariaDb(mariadb ?? "mariadbd")
    const admin = await server.connect()
    await admin.query(TABLES.replace("$SERIAL", "bigint auto_increment"))
    const ours = `user = '${server.user}'`
    const query = async (sql: string, values: unknown[] = []) => {
      const [rows] = await admin.query(sql, values)
      // Of a select: one object a row.
      return rows as Record<string, unknown>[]
    }
    const { port, database, user, password } = server
    return {
      connection: { kind: "mysql", host: "127.0.0.1", port, database, user },
      password,
      query,
      async backendsOf(text) {
        const rows = await query(
          `select id from information_schema.processlist where ${ours} and command in ('Query', 'Execute') and info like ?`,
          [`%${text}%`],
        )
        return rows.map(({ id }) => Number(id))
      },
      async isBlocked(statements = 1) {
        const rows = await query("show global status like 'Innodb_row_lock_current_waits'")
        return Number(rows[0]?.["Value"]) >= statements
      },
      async sessions() {
        return (await query(`select id from information_schema.processlist where ${ours}`)).length
      },
      async kill(which) {
        const some = which === "all" ? "" : "and command <> 'Sleep' order by rand() limit 1"
        const rows = await query(`select id from information_schema.processlist where ${ours} ${some}`)
        let ended = 0
        // It may have ended by itself.
        for (const { id } of rows)
          await admin.query(`kill ${String(id)}`).then(
            () => ended++,
            () => undefined,
          )
        return ended
      },
      async openSession() {
        const session = await server.connect()
        return { query: (sql) => session.query(sql), close: () => session.end() }
      },
      async deadlocks() {
        const rows = await query("show global status like 'Innodb_deadlocks'")
        return Number(rows[0]?.["Value"])
      },
      async drop() {
        await admin.end()
        await server.stop()
      },
    }
  },
}

/** Those whose server is there. */
export const businessDialects = mariadb === undefined ? [postgres] : [postgres, mariaDb]

/** Ends a connection that is at work every so often, until `stop`. On a fast machine few are met: `count` tells. */
export function startKilling(database: BusinessDatabase, everyMs: number) {
  const quiet = new AbortController()
  let killed = 0
  const killing = (async () => {
    while (!quiet.signal.aborted) {
      killed += await database.kill("working")
      await sleep(everyMs)
    }
  })()
  return {
    count: () => killed,
    stop: () => {
      quiet.abort()
      return killing
    },
  }
}
