import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { pathToFileURL } from "node:url"
import type { Pool } from "pg"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { migrate, readMigrations } from "../../src/store/migrate.ts"
import { dropPartitions } from "../../src/store/drop-partitions.ts"
import { ensurePartitions } from "../../src/store/partitions.ts"
import { createPool } from "../../src/store/pool.ts"
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts"

let database: TestDatabase
let pool: Pool
let folder: string

beforeEach(async () => {
  database = await createTestDatabase("empty")
  pool = createPool({ url: database.url })
  folder = await mkdtemp(path.join(tmpdir(), "migrations-"))
})

afterEach(async () => {
  await pool.end()
  await database.drop()
  await rm(folder, { recursive: true })
})

const folderUrl = () => pathToFileURL(`${folder}/`)

/** The package's first migration, so that the partitions have their table. */
async function writeFirst(): Promise<void> {
  const first = await readFile(new URL("../../src/store/migrations/0001_init.sql", import.meta.url))
  await writeFile(path.join(folder, "0001_init.sql"), first)
}

describe("migrate()", () => {
  test("makes the schema once, however many processes ask at the same time", async () => {
    const migrations = await readMigrations(new URL("../../src/store/migrations/", import.meta.url))
    const results = await Promise.all(Array.from({ length: 4 }, () => migrate(pool)))
    expect(results.flat()).toEqual(migrations.map(({ name }) => name))
    const { rows } = await pool.query("select number, name from schema_migration order by number")
    expect(rows).toEqual(migrations.map(({ number, name }) => ({ number, name })))
  })

  test("leaves nothing of a migration that fails, and says which it was", async () => {
    await writeFirst()
    await writeFile(path.join(folder, "0002_more.sql"), "create table more (a int); select 1 / 0;")
    await expect(migrate(pool, folderUrl())).rejects.toThrow("0002_more.sql could not be applied")
    const { rows } = await pool.query(
      "select to_regclass('more') as more, to_regclass('txn') is not null as txn",
    )
    expect(rows).toEqual([{ more: null, txn: true }])
    await writeFile(path.join(folder, "0002_more.sql"), "create table more (a int);")
    expect(await migrate(pool, folderUrl())).toEqual(["0002_more.sql"])
  })

  test("refuses an applied migration that was edited, and a schema newer than the files", async () => {
    await writeFirst()
    await writeFile(path.join(folder, "0002_more.sql"), "create table more (a int);")
    await migrate(pool, folderUrl())
    await writeFile(path.join(folder, "0002_more.sql"), "create table more (a bigint);")
    await expect(migrate(pool, folderUrl())).rejects.toThrow("0002_more.sql was changed")
    await rm(path.join(folder, "0002_more.sql"))
    await expect(migrate(pool, folderUrl())).rejects.toThrow("newer than this build")
  })
})

describe("ensurePartitions()", () => {
  const NOW = new Date("2031-11-20T10:00:00Z")

  async function insertAttempt(startedAt: string): Promise<void> {
    await pool.query(
      `insert into txn_attempt
         (tenant_id, instance_id, path, generation, operation, attempt, class, outcome, started_at, ended_at)
       values ('default', 'order_1', 'pay', 1, 'do', 1, 'done', 'executed', $1, $1)`,
      [startedAt],
    )
  }

  async function partitionOf(startedAt: string): Promise<unknown> {
    const { rows } = await pool.query<{ name: string }>(
      "select tableoid::regclass::text as name from txn_attempt where started_at = $1",
      [startedAt],
    )
    return rows.map(({ name }) => name)
  }

  test("makes this month and the next two, once", async () => {
    await migrate(pool)
    const made = ["event", "txn_attempt"].flatMap((table) =>
      ["2031_11", "2031_12", "2032_01"].map((month) => `${table}_${month}`),
    )
    const results = await Promise.all([ensurePartitions(pool, NOW), ensurePartitions(pool, NOW)])
    expect(results.flat().toSorted()).toEqual(made)
    await insertAttempt("2032-01-31T23:59:59.999Z")
    expect(await partitionOf("2032-01-31T23:59:59.999Z")).toEqual(["txn_attempt_2032_01"])
  })

  test("moves rows that came before their month was made", async () => {
    await migrate(pool)
    await insertAttempt("2031-11-01T00:00:00Z")
    await insertAttempt("2031-10-31T23:59:59Z")
    expect(await partitionOf("2031-11-01T00:00:00Z")).toEqual(["txn_attempt_default"])
    await ensurePartitions(pool, NOW)
    expect(await partitionOf("2031-11-01T00:00:00Z")).toEqual(["txn_attempt_2031_11"])
    expect(await partitionOf("2031-10-31T23:59:59Z")).toEqual(["txn_attempt_default"])
  })
})

describe("dropPartitions()", () => {
  const DAY_MS = 86_400_000

  test("takes months of events that are old enough, and months of anything in which nothing is left", async () => {
    const now = new Date("2031-10-30T00:00:00Z")
    await migrate(pool)
    await dropPartitions(pool, { now })
    await ensurePartitions(pool, new Date("2031-08-20T10:00:00Z"))
    await pool.query(
      `insert into event (tenant_id, instance_id, type, data, at)
       select 'default', 'order_1', 'transaction', '{}', at
       from unnest(array['2031-08-31T23:00:00Z', '2031-09-01T01:00:00Z']::timestamptz[]) as at`,
    )
    await pool.query(
      `insert into txn_attempt
         (tenant_id, instance_id, path, generation, operation, attempt, class, outcome, started_at, ended_at)
       values ('default', 'order_1', 'pay', 1, 'do', 1, 'done', 'executed', '2031-08-05Z', '2031-08-05Z')`,
    )
    expect(await dropPartitions(pool, { now })).toEqual(["txn_attempt_2031_09"])
    expect(await dropPartitions(pool, { now, eventsOlderThanMs: 30 * DAY_MS })).toEqual(["event_2031_08"])
    expect(await dropPartitions(pool, { now, eventsOlderThanMs: 29 * DAY_MS })).toEqual(["event_2031_09"])
    await pool.query("delete from txn_attempt")
    expect(await dropPartitions(pool, { now })).toEqual(["txn_attempt_2031_08"])
    // This month and those to come stay, though nothing is in them.
    const { rows } = await pool.query(
      "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'event'::regclass order by 1",
    )
    expect(rows).toEqual([{ name: "event_2031_10" }, { name: "event_default" }])
  })
})

describe("createPool()", () => {
  test("gives counts as numbers, unsafe ones as text, times as dates", async () => {
    const { rows } = await pool.query(
      "select 5::bigint as small, 9007199254740993::bigint as large, '2026-01-15T12:00:00Z'::timestamptz as at",
    )
    expect(rows).toEqual([{ small: 5, large: "9007199254740993", at: new Date("2026-01-15T12:00:00Z") }])
  })

  test("takes the keyword form", async () => {
    const { hostname, port, username, password, pathname } = new URL(database.url)
    const url = `host=${hostname} port=${port} user=${username} password='${password}' dbname=${pathname.slice(1)}`
    const other = createPool({ url, application_name: "keywords" })
    const { rows } = await other.query(
      "select current_database() as name, current_setting('application_name') as who",
    )
    await other.end()
    expect(rows).toEqual([{ name: pathname.slice(1), who: "keywords" }])
  })

  test("survives the loss of an idle and of a busy connection", async () => {
    const busy = await pool.connect()
    const idle = await pool.connect()
    idle.release()
    await pool.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
    )
    await expect(busy.query("select 1")).rejects.toThrow(/terminat|connection/i)
    busy.release(true)
    const { rows } = await pool.query("select 1 as one")
    expect(rows).toEqual([{ one: 1 }])
  })
})
