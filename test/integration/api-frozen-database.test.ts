import type { Pool } from "pg"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { createApp } from "../../src/api/app.ts"
import { createPool } from "../../src/store/pool.ts"
import { type ApiRig, startApiRig } from "../helpers/api-rig.ts"
import { openTcpGate, type TcpGate } from "../helpers/tcp-gate.ts"
import { until } from "../helpers/until.ts"

const PATIENCE_MS = 400

let rig: ApiRig
let gate: TcpGate
/** The app's way to Postgres leads through the gate. */
let pool: Pool
let app: ReturnType<typeof createApp>

beforeAll(async () => {
  rig = await startApiRig()
  const url = new URL(rig.databaseUrl)
  gate = await openTcpGate({ host: url.hostname, port: Number(url.port) })
  url.port = String(gate.port)
  pool = createPool({ url: url.href, max: 3, patienceMs: PATIENCE_MS })
  app = createApp({ ...rig.dependencies, pool })
})
afterAll(async () => {
  gate.thaw()
  await pool.end()
  await gate.close()
  await rig.stop()
})

const list = async () => app.request("/api/v1/flows")

describe("requests, while Postgres stands still", () => {
  test("are answered 503 within a bounded time, and as before when it goes on", async () => {
    // Two connections that know their server, and room for one that must still meet it.
    expect((await Promise.all([list(), list()])).map(({ status }) => status)).toEqual([200, 200])
    gate.freeze()
    const answers = await Promise.all(Array.from({ length: 6 }, list))
    for (const answer of answers) {
      expect(answer.headers.get("retry-after")).toBe("2")
      expect(await answer.json()).toMatchObject({ status: 503, error: "database_unavailable" })
    }
    gate.thaw()
    await until(list, ({ status }) => status === 200)
    expect((await Promise.all(Array.from({ length: 6 }, list))).map(({ status }) => status)).toEqual(
      Array.from({ length: 6 }, () => 200),
    )
    expect(pool.totalCount).toBeLessThanOrEqual(3)
  })

  test("leave no statement behind that goes on without them", async () => {
    const slow = pool.query("select pg_sleep(60), 'left behind'")
    await expect(slow).rejects.toMatchObject({ code: "57014" })
    const { rows } = await rig.pool.query(
      "select 1 from pg_stat_activity where state = 'active' and query like 'select pg_sleep(60)%'",
    )
    expect(rows).toEqual([])
  })
})
