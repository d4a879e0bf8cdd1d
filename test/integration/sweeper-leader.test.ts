import type { Pool } from "pg"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { LOCK_CLASS, LOCK_SWEEPER } from "../../src/store/advisory-locks.ts"
import { createPool } from "../../src/store/pool.ts"
import { createLeadership } from "../../src/worker/sweeper/leader.ts"
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts"
import { openTcpGate, type TcpGate } from "../helpers/tcp-gate.ts"
import { msUntilKeepAlive } from "../helpers/tcp-timers.ts"
import { until } from "../helpers/until.ts"

const PATIENCE_MS = 300

let database: TestDatabase
let gate: TcpGate
/** Through the gate. */
let gatedPool: Pool
let pool: Pool

beforeEach(async () => {
  database = await createTestDatabase()
  const url = new URL(database.url)
  gate = await openTcpGate({ host: url.hostname, port: Number(url.port) })
  url.port = String(gate.port)
  gatedPool = createPool({ url: url.href, application_name: "gated" })
  pool = createPool({ url: database.url })
})
afterEach(async () => {
  await gatedPool.end()
  await pool.end()
  await gate.close()
  await database.drop()
})

describe("createLeadership()", () => {
  test("is given up when its connection goes silent, and somebody else leads", async () => {
    const [first, second] = [createLeadership(gatedPool, PATIENCE_MS), createLeadership(pool, PATIENCE_MS)]
    expect(await first.seek()).toBe(true)
    expect(await first.seek()).toBe(true)
    expect(await second.seek()).toBe(false)
    gate.mute()
    await expect(first.seek()).rejects.toThrow("timeout")
    expect(first.isHeld()).toBe(false)
    await until(
      () => second.seek(),
      (leads) => leads,
    )
    expect(await first.seek()).toBe(false)
    await second.release()
  })

  test("is released in bounded time, whatever became of the network", async () => {
    const leadership = createLeadership(gatedPool, PATIENCE_MS)
    await leadership.seek()
    gate.freeze()
    await leadership.release()
    expect(leadership.isHeld()).toBe(false)
    gate.thaw()
  })

  test("leaves no connection behind when the lock cannot be asked for", async () => {
    await pool.query("create schema broken")
    await pool.query(
      `create function broken.pg_try_advisory_lock(integer, integer) returns boolean language plpgsql
       as $$ begin raise 'no locks today'; end $$`,
    )
    const { rows } = await pool.query<{ name: string }>("select current_database() as name")
    await pool.query(
      `alter role current_user in database ${rows[0]?.name} set search_path = broken, pg_catalog`,
    )
    await expect(createLeadership(gatedPool, PATIENCE_MS).seek()).rejects.toThrow("no locks today")
    await until(
      async () =>
        (await pool.query("select from pg_stat_activity where application_name = 'gated'")).rowCount,
      (count) => count === 0,
    )
  })

  test.runIf(process.platform === "linux")("has a dead network noticed on both sides", async () => {
    const leadership = createLeadership(pool, PATIENCE_MS)
    await leadership.seek()
    const { rows } = await pool.query<{ client: number; server: number }>(
      `select client_port as client, inet_server_port() as server
       from pg_stat_activity join pg_locks using (pid)
       where locktype = 'advisory' and classid = $1 and objid = $2`,
      [LOCK_CLASS, LOCK_SWEEPER],
    )
    const { client = 0, server = 0 } = rows[0] ?? {}
    for (const way of [
      { from: client, to: server },
      { from: server, to: client },
    ]) {
      const ms = await until(
        () => msUntilKeepAlive(way),
        (found) => found !== undefined,
      )
      expect(ms).toBeLessThanOrEqual(10_000)
    }
    await leadership.release()
  })
})
