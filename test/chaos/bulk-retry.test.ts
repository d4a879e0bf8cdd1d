/**
 * 56: a target goes down, and everything that calls it is parked. A bulk retry while it is still down is over after
 * its canary; when the target is repaired, the same job carries all of them on at its pace, and the processes that
 * do so are killed on the way.
 */
import { Client, Connection } from "@temporalio/client"
import pg from "pg"
import { afterAll, beforeAll, expect, test } from "vitest"
import { verifyChains } from "../../src/store/audit/verify-chains.ts"
import { PAYLOAD_CONVERTER_PATH } from "../../src/worker/bundle.ts"
import { checkMirror } from "../../src/worker/mirror-check.ts"
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts"
import { type EffectLedger, startEffectLedger } from "../helpers/effect-ledger.ts"
import { testTemporal, type TestTemporal } from "../helpers/temporal.ts"
import { until } from "../helpers/until.ts"
import { type Cluster, startCluster } from "./cluster.ts"

const FULL = process.env.HOLDFAST_SOAK === "full"
const TRANSACTIONS = FULL ? 1_000 : 60
const CANARY = 5
const VELOCITY = 20
const AT_ONCE = 10
const ATTEMPTS = 3

const FLOW = {
  name: "payment",
  tasks: [
    {
      id: "pay",
      task_name: "http",
      effect: "keyed",
      // A kill takes an attempt with it.
      retry: { strategy: "auto", max_attempts: ATTEMPTS, interval: "50ms" },
      timeout: { attempt: "5s" },
      config: { connection: "ledger", url: "/do/pay", body: { task: "pay" } },
    },
  ],
}

let ledger: EffectLedger
let database: TestDatabase
let temporal: TestTemporal
let cluster: Cluster

beforeAll(async () => {
  ;[ledger, database, temporal] = await Promise.all([
    startEffectLedger(),
    createTestDatabase(),
    testTemporal(),
  ])
  cluster = await startCluster(2, {
    databaseUrl: database.url,
    temporalAddress: temporal.address,
    namespace: temporal.namespace,
    connections: [{ name: "ledger", kind: "http", base_url: ledger.url }],
  })
})
afterAll(async () => {
  await cluster.stop()
  await Promise.all([database.drop(), ledger.stop()])
})

interface Job {
  job_id: string
  state: string
  state_reason: string | null
  counts: Record<string, number>
}
interface Item {
  instance_id: string
  state: string
  sent_at: string
}

async function ask<Data>(method: string, route: string, body?: unknown): Promise<Data> {
  // Shaped by our own API, whose tests check it.
  return (await cluster.call(method, `/api/v1${route}`, body)).data as Data
}

test(`${TRANSACTIONS} parked payments are carried on at ${VELOCITY} a second, after a canary that failed`, async () => {
  await ask("POST", "/flows", FLOW)
  await ledger.misbehave(
    "pay",
    Array.from({ length: TRANSACTIONS * ATTEMPTS * 2 }, () => "unavailable" as const),
  )
  const ids = Array.from({ length: TRANSACTIONS }, (_, at) => `payment-${at + 1}`)
  const left = ids.values()
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const instance_id of left)
        await ask("POST", "/transactions", { instance_id, flow_id: FLOW.name, params: {} })
    }),
  )
  interface Groups {
    list: { group: string; count: number }[]
  }
  const groups = await until(
    () => ask<Groups>("GET", `/exceptions/groups?flow_id=${FLOW.name}`),
    ({ list }) => list.reduce((sum, { count }) => sum + count, 0) === TRANSACTIONS,
    { timeoutMs: 120_000, everyMs: 500 },
  )
  expect(groups.list, "one cause is one group").toHaveLength(1)

  const { job_id } = await ask<Job>("POST", "/bulk-jobs", {
    action: "retry",
    filter: { group: groups.list[0]?.group },
    reason: "The bank says that it is back.",
    velocity: VELOCITY,
    canary: CANARY,
  })
  const whenState = (state: string, timeoutMs: number) =>
    until(
      () => ask<Job>("GET", `/bulk-jobs/${job_id}`),
      (job) => job.state === state,
      { timeoutMs, everyMs: 200 },
    )
  const stopped = await whenState("stopped", 30_000)
  process.stdout.write(`  still down: ${stopped.state_reason}; ${JSON.stringify(stopped.counts)}\n`)
  expect(stopped.counts).toMatchObject({ failed: CANARY, pending: TRANSACTIONS - CANARY, succeeded: 0 })
  expect(await ledger.deliveries()).toHaveLength((TRANSACTIONS + CANARY) * ATTEMPTS)

  await ledger.misbehave("pay", [])
  await ask("POST", `/bulk-jobs/${job_id}/resume`)
  for (const share of [0.3, 0.6]) {
    await until(
      () => ask<Job>("GET", `/bulk-jobs/${job_id}`),
      ({ counts }) => (counts["succeeded"] ?? 0) > TRANSACTIONS * share,
      { timeoutMs: 120_000, everyMs: 200 },
    )
    await cluster.killNext()
  }
  const done = await whenState("completed", 240_000)
  expect(done.counts).toMatchObject({ total: TRANSACTIONS, succeeded: TRANSACTIONS })

  const { list } = await ask<{ list: Item[] }>("GET", `/bulk-jobs/${job_id}/items?limit=1000`)
  const times = list.map(({ sent_at }) => Date.parse(sent_at)).toSorted((one, other) => one - other)
  const busiest = Math.max(
    ...times.map((time) => times.filter((one) => one >= time && one < time + 5_000).length),
  )
  const seconds = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / 1_000
  process.stdout.write(
    `  repaired: ${TRANSACTIONS} in ${seconds.toFixed(1)} s with 2 kills; most in 5 s: ${busiest} (asked: ${VELOCITY * 5})\n`,
  )
  // A batch of one second may fall in from either side of the five, and the canary comes before the first.
  expect(busiest).toBeLessThanOrEqual(VELOCITY * 6 + CANARY)

  const effects = (await ledger.deliveries()).filter(({ effect }) => effect)
  expect(new Set(effects.map(({ transaction }) => transaction)).size).toBe(TRANSACTIONS)
  expect(effects, "nobody paid twice").toHaveLength(TRANSACTIONS)
  await checkRecords()
})

async function checkRecords(): Promise<void> {
  const connection = await Connection.connect({ address: temporal.address })
  const client = new Client({
    connection,
    namespace: temporal.namespace,
    dataConverter: { payloadConverterPath: PAYLOAD_CONVERTER_PATH },
  })
  const pool = new pg.Pool({ connectionString: database.url })
  try {
    const check = await until(
      () => checkMirror({ pool, client }),
      ({ differences }) => differences.length === 0,
      { timeoutMs: 60_000, everyMs: 1_000 },
    )
    expect(check.checked).toBe(TRANSACTIONS)
    const [chain] = await verifyChains(pool)
    expect(chain).toMatchObject({ tenant: "default", broken: null })
    // A retry of each, again of the canary, and what was done with the job and the flow.
    expect(chain?.rows).toBeGreaterThanOrEqual(TRANSACTIONS + CANARY + 3)
  } finally {
    await pool.end()
    await connection.close()
  }
}
