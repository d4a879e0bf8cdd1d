/**
 * 56: a target goes down, and everything that calls it is parked. A bulk retry while it is still down is over after
 * its canary; when the target is repaired, the same job carries all of them on at its pace, and the processes that
 * do so are killed on the way.
 */
import { afterAll, beforeAll, expect, test } from "vitest"
import { createStopList } from "../../src/app/stop-list.ts"
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts"
import { type EffectLedger, startEffectLedger } from "../helpers/effect-ledger.ts"
import { testTemporal, type TestTemporal } from "../helpers/temporal.ts"
import { until } from "../helpers/until.ts"
import { checkRecords, withRecords } from "./check-records.ts"
import { type Cluster, startCluster } from "./cluster.ts"

const FULL = process.env.HOLDFAST_SOAK === "full"
const TRANSACTIONS = FULL ? 1_000 : 80
const CANARY = 5
/** Of few, slow enough to tell that they were held back. */
const VELOCITY = FULL ? 20 : 10
/** Temporal's and that of Postgres, which says when an item was sent. */
const CLOCKS_MS = 50
/** More, and Temporal has more to do than it can. */
const AT_ONCE = 4
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
      timeout: { attempt: "15s" },
      config: { connection: "ledger", url: "/do/pay", body: { task: "pay" } },
    },
  ],
}

let ledger: EffectLedger
let database: TestDatabase
let temporal: TestTemporal
let cluster: Cluster
const stops = createStopList()

beforeAll(async () => {
  ledger = await startEffectLedger()
  stops.add("the ledger", () => ledger.stop())
  database = await createTestDatabase()
  stops.add("the database", () => database.drop())
  temporal = await testTemporal()
  cluster = await startCluster(2, {
    databaseUrl: database.url,
    temporalAddress: temporal.address,
    namespace: temporal.namespace,
    connections: [{ name: "ledger", kind: "http", base_url: ledger.url }],
  })
  stops.add("the cluster", () => cluster.stop())
})
afterAll(stops.stop)

interface Job {
  job_id: string
  state: string
  state_reason: string | null
  counts: Record<string, number>
}
interface Item {
  instance_id: string
  state: string
  sent_at: string | null
}

async function ask<Data>(method: string, route: string, body?: unknown): Promise<Data> {
  // Shaped by our own API, whose tests check it.
  return (await cluster.call(method, `/api/v1${route}`, body)).data as Data
}

test(`56: ${TRANSACTIONS} parked payments are carried on at ${VELOCITY} a second, after a canary that failed`, async () => {
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
    list: { code: string; count: number }[]
  }
  const groups = await until(
    () => ask<Groups>("GET", `/exceptions/groups?flow_id=${FLOW.name}`),
    ({ list }) => list.reduce((sum, { count }) => sum + count, 0) === TRANSACTIONS,
    { timeoutMs: 120_000, everyMs: 500 },
  )
  expect(groups.list.length, `one cause is one group: ${JSON.stringify(groups.list)}`).toBe(
    new Set(groups.list.map(({ code }) => code)).size,
  )
  // A server that takes longer than a second to note that a call begins tells its worker nothing of it: that call
  // times out.
  for (const { code } of groups.list) expect(["HTTP_503", "timeout_start_to_close"]).toContain(code)

  const { job_id } = await ask<Job>("POST", "/bulk-jobs", {
    action: "retry",
    filter: { flow_id: FLOW.name },
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
  const stopped = await whenState("stopped", 120_000)
  process.stdout.write(`  still down: ${stopped.state_reason}; ${JSON.stringify(stopped.counts)}\n`)
  expect(stopped.counts).toMatchObject({ failed: CANARY, pending: TRANSACTIONS - CANARY, succeeded: 0 })
  const asked = await ledger.deliveries()
  const times = new Map<string | null, number>()
  for (const { transaction } of asked) times.set(transaction, (times.get(transaction) ?? 0) + 1)
  expect(times.size).toBe(TRANSACTIONS)
  const again = [...times.values()].filter((count) => count > ATTEMPTS)
  expect(again.length, "asked again").toBeLessThanOrEqual(CANARY)
  expect(Math.max(...again)).toBeLessThanOrEqual(2 * ATTEMPTS)

  await ledger.misbehave("pay", [])
  await ask("POST", `/bulk-jobs/${job_id}/resume`)
  const restarts: Promise<void>[] = []
  for (const share of [0.1, 0.2]) {
    const met = await until(
      () => ask<Job>("GET", `/bulk-jobs/${job_id}`),
      ({ counts }) => (counts["succeeded"] ?? 0) > TRANSACTIONS * share,
      { timeoutMs: 120_000, everyMs: 100 },
    )
    expect(met, "what a kill meets").toMatchObject({ state: "running" })
    expect(met.counts["pending"], "what a kill meets").toBeGreaterThan(0)
    // The second one comes while the job still has work, also when the first process is not back yet.
    restarts.push(cluster.killNext())
  }
  await Promise.all(restarts)
  const done = await whenState("completed", 240_000)
  expect(done.counts).toMatchObject({ total: TRANSACTIONS, succeeded: TRANSACTIONS })

  const { list } = await ask<{ list: Item[] }>("GET", `/bulk-jobs/${job_id}/items?limit=1000`)
  checkPace(list)

  const effects = (await ledger.deliveries()).filter(({ effect }) => effect)
  expect(new Set(effects.map(({ transaction }) => transaction)).size).toBe(TRANSACTIONS)
  expect(effects, "nobody paid twice").toHaveLength(TRANSACTIONS)
  const audited = await withRecords({ databaseUrl: database.url, temporal }, (records) =>
    checkRecords(records, { transactions: TRANSACTIONS, withinMs: 60_000 }),
  )
  // A retry of each, again of the canary; the flow; and the job, which was made and resumed.
  expect(audited).toBe(TRANSACTIONS + CANARY + 3)
})

/**
 * A step sends what one second brings, and the next one begins a second later, or when it is done if that is later:
 * so the first and the last of a stretch may be as close as the second step and the last but one are.
 */
function checkPace(items: readonly Item[]): void {
  expect(items).toHaveLength(TRANSACTIONS)
  const times = items.map(({ sent_at }) => Date.parse(sent_at ?? "")).toSorted((one, other) => one - other)
  expect(times.every(Number.isFinite), `every item was sent: ${JSON.stringify(items)}`).toBe(true)
  // What the canary waits for is not the pace.
  const paced = times.slice(CANARY)
  const tooFast = paced.flatMap((from, first) =>
    paced.slice(first).flatMap((to, more) => {
      const leastMs = ((more + 1) / VELOCITY - 2) * 1_000 - CLOCKS_MS
      return to - from < leastMs ? [`${more + 1} in ${to - from} ms, from the ${first + 1}th on`] : []
    }),
  )
  const busiest = Math.max(
    ...paced.map((time) => paced.filter((one) => one >= time && one < time + 1_000).length),
  )
  const seconds = ((paced.at(-1) ?? 0) - (paced[0] ?? 0)) / 1_000
  process.stdout.write(
    `  repaired: ${paced.length} in ${seconds.toFixed(1)} s with 2 kills; most in 1 s: ${busiest} (asked: ${VELOCITY})\n`,
  )
  expect(tooFast).toEqual([])
}
