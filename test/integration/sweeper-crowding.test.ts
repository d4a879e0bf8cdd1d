/** Transactions that nobody can answer for, more of them than one run of a part takes, and a healthy one behind them. */
import type { Pool } from "pg"
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { createPool } from "../../src/store/pool.ts"
import { createCheckStale } from "../../src/worker/sweeper/check-stale.ts"
import { emptySummary, type SweepPart } from "../../src/worker/sweeper/parts.ts"
import { createPurge } from "../../src/worker/sweeper/purge.ts"
import type { Verdict } from "../../src/worker/sweeper/reconcile.ts"
import { createStartOrphans } from "../../src/worker/sweeper/start-orphans.ts"
import { createWatchWriters } from "../../src/worker/sweeper/watch-writers.ts"
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts"
import { createListeningLogger } from "../helpers/listening-logger.ts"

const logger = createListeningLogger()
const DAY_MS = 86_400_000

let database: TestDatabase
let pool: Pool
/** Ids, in the order in which they were asked or started. */
let asked: string[]

beforeEach(async () => {
  database = await createTestDatabase()
  pool = createPool({ url: database.url })
  asked = []
})
afterEach(async () => {
  vi.useRealTimers()
  await pool.end()
  await database.drop()
})

/** Time for whoever cools, and for nobody else: the pool needs its timers. */
const stopCooldowns = () => vi.useFakeTimers({ toFake: ["performance"] })

interface Rows {
  prefix: string
  count: number
  /** Since the last move. */
  seconds: number
  dispatched?: boolean
  ended?: boolean
}

async function insert({ prefix, count, seconds, dispatched = true, ended = false }: Rows): Promise<void> {
  await pool.query(
    `insert into txn (tenant_id, instance_id, workflow_id, flow_id, flow_name, flow_version, plan_hash, params,
                      request_hash, actor, created_at, updated_at, dispatched_at, status, confirmed_at, ended_at)
     select 'default', $1 || n, 'default/' || $1 || n, 'order', 'order', 1, 'h', '{}', 'r', 'ann', at, at,
            case when $4 then at end, case when $5 then 'success' else 'running' end,
            case when $5 then at end, case when $5 then at end
     from generate_series(1, $2) as n, (select now() - $3 * interval '1 s' as at) as moved`,
    [prefix, count, seconds, dispatched, ended],
  )
}

const reconciler = {
  async reconcile({ transaction_id }: { transaction_id: string }): Promise<Verdict> {
    asked.push(transaction_id)
    if (transaction_id.startsWith("stuck")) return { kind: "away" }
    await pool.query("update txn set checked_at = clock_timestamp() where instance_id = $1", [transaction_id])
    return { kind: "same", confirmed: false }
  },
}

/** The part, as often as it takes. */
async function runUntilAsked(part: SweepPart, id: string): Promise<void> {
  for (let run = 0; run < 100 && !asked.includes(id); run++) await part(emptySummary())
  expect(asked).toContain(id)
}

describe("transactions that nobody can answer for", () => {
  test("do not keep a stale one from being compared, neither while they cool nor when their turn comes", async () => {
    stopCooldowns()
    await insert({ prefix: "stuck-", count: 250, seconds: 7_200 })
    await insert({ prefix: "healthy-", count: 1, seconds: 90 })
    const part = createCheckStale({ pool, reconciler, logger })
    await runUntilAsked(part, "healthy-1")
    // All of them have their turn again, and the one that came last is still the first.
    vi.advanceTimersByTime(60_000)
    await insert({ prefix: "late-", count: 1, seconds: 90 })
    asked = []
    await part(emptySummary())
    expect(asked[0]).toBe("late-1")
    expect(asked.length).toBeGreaterThan(1)
  })

  test("do not keep others from being compared after a writer vanished, and keep its record until they answer", async () => {
    stopCooldowns()
    await pool.query("insert into mirror_writer (application, vanished_at) values ('gone', now())")
    await insert({ prefix: "stuck-", count: 450, seconds: 10 })
    await insert({ prefix: "healthy-", count: 1, seconds: 90 })
    const part = createWatchWriters({ pool, reconciler, logger })
    const writers = async () => (await pool.query("select from mirror_writer")).rowCount
    await runUntilAsked(part, "healthy-1")
    for (let run = 0; run < 100; run++) await part(emptySummary())
    expect(await writers()).toBe(1)
    await pool.query("update txn set checked_at = clock_timestamp()")
    vi.advanceTimersByTime(10_000)
    await part(emptySummary())
    expect(await writers()).toBe(0)
  })

  test("do not keep an old end from being purged", async () => {
    await insert({ prefix: "stuck-", count: 150, seconds: 40 * 86_400, ended: true })
    await insert({ prefix: "healthy-", count: 1, seconds: 31 * 86_400, ended: true })
    await runUntilAsked(createPurge({ pool, reconciler, logger }, 30 * DAY_MS), "healthy-1")
    const { rows } = await pool.query("select instance_id from txn where instance_id not like 'stuck%'")
    expect(rows).toEqual([])
  })
})

describe("transactions that cannot start", () => {
  test("do not keep an orphan from being started", async () => {
    await insert({ prefix: "stuck-", count: 450, seconds: 60, dispatched: false })
    await insert({ prefix: "orphan-", count: 1, seconds: 10, dispatched: false })
    const dispatcher = {
      async dispatch(_: string, id: string) {
        asked.push(id)
        if (id.startsWith("stuck")) throw new Error("another workflow has the id")
        return "started" as const
      },
    }
    await runUntilAsked(createStartOrphans({ pool, dispatcher, logger }), "orphan-1")
    // Each once: the others cool.
    expect(asked).toHaveLength(451)
  })
})
