import type { Pool } from "pg"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { createMirrorWriter, type MirrorWriter } from "../../src/store/mirror/writer.ts"
import { createPool } from "../../src/store/pool.ts"
import { findLastVanished } from "../../src/store/queries/find-last-vanished.ts"
import { forgetVanishedWriters } from "../../src/store/queries/forget-vanished-writers.ts"
import { markVanishedWriters } from "../../src/store/queries/mark-vanished-writers.ts"
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts"
import { createListeningLogger } from "../helpers/listening-logger.ts"
import { attemptRow, mirrorChange, taskRow, transactionRow } from "../helpers/mirror-rows.ts"
import { insertStoredTransaction } from "../helpers/stored-transaction.ts"
import { openTcpGate, type TcpGate } from "../helpers/tcp-gate.ts"
import { until } from "../helpers/until.ts"

let database: TestDatabase
/** The writer's way to Postgres leads through the gate, the test's own does not. */
let gate: TcpGate
let gatedPool: Pool
let pool: Pool
let logger: ReturnType<typeof createListeningLogger>
let writers: MirrorWriter[]

beforeEach(async () => {
  database = await createTestDatabase()
  const url = new URL(database.url)
  gate = await openTcpGate({ host: url.hostname, port: Number(url.port) })
  url.port = String(gate.port)
  pool = createPool({ url: database.url })
  gatedPool = createPool({ url: url.href })
  logger = createListeningLogger()
  writers = []
  await insertStoredTransaction(pool)
})

afterEach(async () => {
  gate.open()
  for (const writer of writers) await writer.close()
  await gatedPool.end()
  await pool.end()
  await gate.close()
  await database.drop()
})

function openWriter(options: Partial<Parameters<typeof createMirrorWriter>[0]> = {}): MirrorWriter {
  const writer = createMirrorWriter({ pool: gatedPool, logger, ...options })
  writers.push(writer)
  return writer
}

async function column(sql: string): Promise<unknown[]> {
  const { rows } = await pool.query<{ value: unknown }>(sql)
  return rows.map(({ value }) => value)
}

const push = (writer: MirrorWriter, version: number) =>
  writer.push(mirrorChange({ history_length: 3 + version, transaction: transactionRow({ version }) }))

const other = (writer: MirrorWriter, at: number, history_length = 3) =>
  writer.push(mirrorChange({ transaction_id: `other_${at}`, history_length, tasks: [taskRow()] }))

/** Shuts the gate, and brings one row of each of five transactions. */
async function overflow(writer: MirrorWriter): Promise<void> {
  for (let at = 0; at < 5; at++) await insertStoredTransaction(pool, { instanceId: `other_${at}` })
  push(writer, 1)
  await writer.flush()
  gate.shut()
  for (let at = 0; at < 5; at++) other(writer, at)
}

/** Those that the sweeper is to compare. */
const lost = () =>
  column("select instance_id as value from txn where checked_at = '-infinity' order by instance_id")

describe("createMirrorWriter(), while Postgres is away", () => {
  test("keeps the newest row of each key, and writes it when Postgres is back", async () => {
    const writer = openWriter()
    push(writer, 1)
    await writer.flush()
    gate.shut()
    for (let version = 2; version <= 500; version++) push(writer, version)
    writer.attempt(attemptRow())
    await until(
      () => logger.lines,
      (lines) => lines.some(({ message }) => message === "the mirror cannot write"),
    )
    push(writer, 501)
    expect(writer.stats()).toMatchObject({ pending: 2, connected: false })
    expect(writer.stats().lag_ms).toBeGreaterThan(0)
    gate.open()
    await writer.flush()
    expect(await column("select version as value from txn")).toEqual([501])
    expect(await column("select count(*) as value from txn_attempt")).toEqual([1])
    expect(logger.lines.map(({ message }) => message)).toContain("the mirror writes again")
  })

  test("starts while Postgres is away", async () => {
    gate.shut()
    const writer = openWriter()
    push(writer, 7)
    await until(
      () => logger.lines,
      (lines) => lines.length > 0,
    )
    gate.open()
    await writer.flush()
    expect(await column("select version as value from txn")).toEqual([7])
  })

  test("survives the end of its session on the server", async () => {
    const writer = openWriter()
    push(writer, 1)
    await writer.flush()
    await pool.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
    )
    push(writer, 2)
    await writer.flush()
    expect(await column("select version as value from txn")).toEqual([2])
  })

  test("refuses what is too much, and has those compared whose rows it refused, no others", async () => {
    const writer = openWriter({ maxPending: 3 })
    await overflow(writer)
    expect(writer.stats()).toMatchObject({ pending: 3, refused: 2 })
    gate.open()
    await writer.flush()
    expect(await until(lost, (found) => found.length > 0)).toEqual(["other_3", "other_4"])
    expect(await column("select count(*) as value from txn_task")).toEqual([3])
    // The session that the outage ended.
    await until(
      () => markVanishedWriters(pool),
      (count) => count > 0,
    )
    for (let version = 2; version < 5; version++) {
      other(writer, 3, 20 + version)
      push(writer, version)
      await writer.flush()
    }
    expect(writer.stats().refused).toBe(5)
    expect(await markVanishedWriters(pool)).toBe(0)
  })

  test("takes changes again of a transaction that is whole", async () => {
    const writer = openWriter({ maxPending: 3 })
    await overflow(writer)
    gate.open()
    await writer.flush()
    await until(lost, (found) => found.length > 0)
    // What the sweeper does; of the other one it heard nothing.
    await pool.query(
      `update txn set checked_at = now(), seq = case when instance_id = 'other_3' then 20 * 2 ^ 20 else seq end
       where instance_id like 'other%'`,
    )
    expect(await until(lost, (found) => found.length > 0)).toEqual(["other_4"])
    push(writer, 2)
    await writer.flush()
    for (const at of [3, 4]) other(writer, at, 30)
    await writer.flush()
    expect(await column("select instance_id as value from txn_task where instance_id > 'other_2'")).toEqual([
      "other_3",
    ])
  })

  test("leaves the rest to the sweeper when it closes before all is whole", async () => {
    const writer = openWriter({ maxPending: 3 })
    await overflow(writer)
    gate.open()
    await writer.flush()
    await until(lost, (found) => found.length > 0)
    await pool.query("delete from mirror_writer where id <> (select max(id) from mirror_writer)")
    await writer.close()
    expect(
      await until(
        () => markVanishedWriters(pool),
        (count) => count > 0,
      ),
    ).toBe(1)
  })

  test("says at its end what it could not write", async () => {
    const writer = openWriter({ closeMs: 200 })
    push(writer, 1)
    await writer.flush()
    gate.shut()
    push(writer, 2)
    await expect(writer.close()).rejects.toThrow("1 mirror rows were not written before the end")
    push(writer, 3)
    expect(writer.stats().refused).toBe(1)
  })
})

describe("mirror_writer", () => {
  test("shows a writer that lives, forgets one that ended well, and misses one that vanished", async () => {
    const [living, ended, vanished] = [openWriter(), openWriter(), openWriter()]
    for (const writer of [living, ended, vanished]) {
      push(writer, 1)
      await writer.flush()
    }
    expect(await column("select count(*) as value from mirror_writer")).toEqual([3])
    await ended.close()
    expect(await column("select count(*) as value from mirror_writer")).toEqual([2])
    expect(await markVanishedWriters(pool)).toBe(0)
    expect(await findLastVanished(pool)).toBeUndefined()
    await pool.query(
      `select pg_terminate_backend(pid) from pg_locks
       where locktype = 'advisory' and objid = (select max(id) from mirror_writer)::oid`,
    )
    expect(
      await until(
        () => markVanishedWriters(pool),
        (count) => count > 0,
      ),
    ).toBe(1)
    expect(await markVanishedWriters(pool)).toBe(0)
    const since = await findLastVanished(pool)
    if (!since) throw new Error("nobody is missed")
    await forgetVanishedWriters(pool, since)
    expect(await findLastVanished(pool)).toBeUndefined()
    expect(await column("select count(*) as value from mirror_writer")).toEqual([1])
  })

  test("is kept for a minute while a transaction of its last minute may have been lost with its start", async () => {
    await insertStoredTransaction(pool, { instanceId: "eager", dispatched: false })
    const vanish = async (secondsAgo: number) => {
      const { rows } = await pool.query<{ vanished_at: Date }>(
        "insert into mirror_writer (application, vanished_at) values ('w', now() - $1 * interval '1 s') returning vanished_at",
        [secondsAgo],
      )
      await forgetVanishedWriters(pool, rows[0]?.vanished_at ?? new Date())
      return column("select application as value from mirror_writer")
    }
    expect(await vanish(0)).toEqual(["w"])
    await pool.query("update txn set created_at = now() - interval '90 s' where instance_id = 'eager'")
    await pool.query("delete from mirror_writer")
    // It vanished long after the transaction came, or is over by now.
    expect(await vanish(0)).toEqual([])
    expect(await vanish(61)).toEqual([])
    await pool.query("update txn set created_at = now() where instance_id = 'eager'")
    const kept = await vanish(0)
    await pool.query("update txn set dispatched_at = now()")
    expect([kept, await vanish(0)]).toEqual([["w"], []])
  })
})
