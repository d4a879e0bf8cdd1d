/** A database of a business: private, fresh, with a thousand accounts. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { fileURLToPath } from "node:url"
import pg from "pg"
import type { DbConnection } from "../src/contract/connections.ts"
import { openPostgresHome } from "../src/local/postgres-home.ts"
import { startPostgres } from "../src/local/postgres.ts"
import { mariadb, startMariaDb } from "../test/helpers/mariadb.ts"

export interface BusinessServer {
  name: string
  connection: Pick<DbConnection, "kind" | "host" | "port" | "database" | "user">
  password: string
  /** What a transaction does to an account: takes from it, and writes that down. */
  statements: (account: number) => { text: string; values: number[] }[]
  /** Config of a db task that comes to two statements, of the params `account` and `serial`. */
  task: Record<string, unknown>
  stop: () => Promise<void>
}

/** Whether a commit waits for the disk, as a database of a business does, or leaves it to the system. */
type Durability = "durable" | "lazy"

const TABLES = [
  "create table account (id integer primary key, balance integer not null)",
  "create table entry (account integer not null, amount integer not null)",
]
const ACCOUNTS = 1_000
const FILL = `insert into account values ${Array.from({ length: ACCOUNTS }, (_, id) => `(${id}, 0)`).join(", ")}`

export const toAccount = (serial: number): number => serial % ACCOUNTS

async function openPostgres(durability: Durability): Promise<BusinessServer> {
  const home = await mkdtemp(path.join(tmpdir(), "holdfast-bench-"))
  const isLazy = durability === "lazy"
  const server = await startPostgres({
    stateDir: isLazy ? fileURLToPath(new URL("../.holdfast", import.meta.url)) : home,
    environment: process.env,
    say: (line) => console.error(line),
    // What is kept has the settings that Postgres comes with.
    state: isLazy ? "throwaway" : "kept",
  })
  const url = new URL(server.url)
  const client = new pg.Client(server.url)
  await client.connect()
  for (const statement of [...TABLES, FILL]) await client.query(statement)
  await client.end()
  return {
    name: `${server.description}, ${durability}`,
    connection: {
      kind: "postgres",
      host: "127.0.0.1",
      port: server.port,
      database: url.pathname.slice(1),
      user: url.username,
    },
    password: url.password,
    statements: (account) => [
      { text: "update account set balance = balance - $1 where id = $2", values: [1, account] },
      { text: "insert into entry (account, amount) values ($1, $2)", values: [account, -1] },
    ],
    task: {
      sql: "with taken as (update account set balance = balance - $1 where id = $2 returning id) insert into entry (account, amount) select id, $3 from taken",
      args: [1, "${ params.account }", -1],
    },
    async stop() {
      await server.stop()
      // As root it keeps its data elsewhere.
      const { dir } = await openPostgresHome(home)
      for (const made of [dir, home]) await rm(made, { recursive: true, force: true })
    },
  }
}

/** `undefined` where there is none. */
async function openMariaDb(durability: Durability): Promise<BusinessServer | undefined> {
  if (mariadb === undefined) return undefined
  const server = await startMariaDb(mariadb)
  const admin = await server.connect()
  if (durability === "durable") await admin.query("set global innodb_flush_log_at_trx_commit = 1")
  for (const statement of [...TABLES, FILL]) await admin.query(statement)
  await admin.end()
  const { port, database, user, password } = server
  return {
    name: `MariaDB, ${durability}`,
    connection: { kind: "mysql", host: "127.0.0.1", port, database, user },
    password,
    statements: (account) => [
      { text: "update account set balance = balance - ? where id = ?", values: [1, account] },
      { text: "insert into entry (account, amount) values (?, ?)", values: [account, -1] },
    ],
    // An update that meets no row, and then an insert.
    task: {
      operation: "upsert",
      table: "account",
      where: { id: "${ params.serial }" },
      data: { balance: 1 },
    },
    stop: () => server.stop(),
  }
}

/** Of each kind; MariaDB only where this machine has it. */
type Open = (durability: Durability) => Promise<BusinessServer | undefined>
export const OPENERS: Open[] = [openPostgres, openMariaDb]

/** Stops it afterwards. Nothing happens where the machine has no such server. */
export async function withServer(
  open: Open,
  durability: Durability,
  use: (server: BusinessServer) => Promise<void>,
): Promise<void> {
  const server = await open(durability)
  if (server === undefined) return
  try {
    await use(server)
  } finally {
    await server.stop()
  }
}
