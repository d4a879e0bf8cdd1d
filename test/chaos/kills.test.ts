/**
 * Worker and API are killed with SIGKILL while transactions run. What must hold afterwards is judged from the
 * target's own ledger, from Temporal's histories and by `mirror check`, not from what Holdfast says.
 */
import { randomUUID } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { Client, Connection } from "@temporalio/client"
import pg from "pg"
import { afterAll, beforeAll, expect, test } from "vitest"
import { checkMirror } from "../../src/worker/mirror-check.ts"
import { PAYLOAD_CONVERTER_PATH } from "../../src/worker/bundle.ts"
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts"
import { type Delivery, type EffectLedger, type Fault, startEffectLedger } from "../helpers/effect-ledger.ts"
import { getServers } from "../helpers/servers.ts"
import { testTemporal } from "../helpers/temporal.ts"
import { until } from "../helpers/until.ts"
import { checkHistory } from "./check-history.ts"
import { type Cluster, startCluster } from "./cluster.ts"

const FULL = process.env.HOLDFAST_SOAK === "full"
const TRANSACTIONS = FULL ? 100 : 20
const KILLS = FULL ? 8 : 3

interface Task {
  id: string
  status: string
  outcome: string
}
interface Transaction {
  status: string
  tasks: (Task & { task_id: string })[]
}

const http = (id: string, depends_on: string[], effect: "keyed" | "unsafe") => ({
  id,
  task_name: "http",
  depends_on,
  effect,
  retry: { strategy: "auto", max_attempts: 6, interval: "100ms", max_interval: "500ms" },
  timeout: { attempt: "3s" },
  config: { connection: "ledger", url: `/do/${id}`, body: { task: id } },
})
const db = (id: string, depends_on: string[]) => ({
  id,
  task_name: "db",
  depends_on,
  timeout: { attempt: "3s" },
  retry: { strategy: "auto", max_attempts: 10, interval: "100ms", max_interval: "500ms" },
  config: {
    connection: "stock",
    sql: "update stock set reserved = reserved + 1 where sku = $1",
    args: [id],
    expect_rows: 1,
  },
})
/** Twelve tasks: three branches that meet, keyed and unsafe calls, and a database behind the barrier. */
const FLOW = {
  name: "chaos",
  tasks: [
    http("a1", [], "keyed"),
    http("a2", ["a1"], "unsafe"),
    db("a3", ["a2"]),
    http("a4", ["a3"], "keyed"),
    http("b1", [], "unsafe"),
    db("b2", ["b1"]),
    http("b3", ["b2"], "keyed"),
    db("c1", []),
    http("c2", ["c1"], "keyed"),
    http("d1", ["a4", "b3"], "unsafe"),
    db("d2", ["d1", "c2"]),
    http("d3", ["d2"], "keyed"),
  ],
}
const UNSAFE = new Set(
  FLOW.tasks.flatMap((task) => ("effect" in task && task.effect === "unsafe" ? [task.id] : [])),
)
const DB_TASKS = FLOW.tasks.filter(({ task_name }) => task_name === "db").map(({ id }) => id)
const FAULTS: Fault[][] = [
  [],
  [],
  [],
  ["unavailable"],
  ["reply_lost"],
  ["error_after"],
  ["cut", "reply_lost"],
  ["slow:400"],
]

let ledger: EffectLedger
let database: TestDatabase
let stock: TestDatabase
let stockPool: pg.Pool
let cluster: Cluster
let temporal: { address: string; namespace: string }

beforeAll(async () => {
  ;[ledger, database, stock, temporal] = await Promise.all([
    startEffectLedger(),
    createTestDatabase(),
    createTestDatabase("empty"),
    testTemporal(),
  ])
  stockPool = new pg.Pool({ connectionString: stock.url })
  await stockPool.query("create table stock (sku text primary key, reserved integer not null default 0)")
  await stockPool.query("insert into stock (sku) select unnest($1::text[])", [DB_TASKS])
  const url = new URL(stock.url)
  const { temporalAddress } = await getServers()
  cluster = await startCluster(2, {
    databaseUrl: database.url,
    temporalAddress,
    namespace: temporal.namespace,
    connections: [
      { name: "ledger", kind: "http", base_url: ledger.url, profile: "plain" },
      {
        name: "stock",
        kind: "postgres",
        host: url.hostname,
        port: Number(url.port),
        database: url.pathname.slice(1),
        user: decodeURIComponent(url.username),
        ...(url.password ? { password_secret: "stock" } : {}),
      },
    ],
    secrets: { stock: decodeURIComponent(url.password) },
  })
})

afterAll(async () => {
  await cluster.stop()
  await stockPool.end()
  await Promise.all([database.drop(), stock.drop(), ledger.stop()])
})

test(`${TRANSACTIONS} transactions end well although worker and API are killed ${KILLS} times`, async () => {
  await cluster.call("POST", "/api/v1/flows", { name: FLOW.name, definition: FLOW })
  const ids = Array.from({ length: TRANSACTIONS }, (_, at) => `chaos-${at}-${randomUUID().slice(0, 8)}`)
  for (const [at, id] of ids.entries())
    for (const [position, { id: task }] of FLOW.tasks.entries())
      await ledger.misbehave(task, FAULTS[(at * 5 + position * 3) % FAULTS.length] ?? [], id)

  const killing = killAtRandom()
  for (const id of ids)
    await cluster.call("POST", "/api/v1/transactions", { instance_id: id, flow_id: FLOW.name, params: {} })
  await killing
  const lastKill = Date.now()

  // Decisions go on while the mirror heals; every one is checked against the ledger's truth first.
  for (;;) {
    const open = await openTransactions(ids)
    if (open.length === 0) break
    for (const id of open) await decideWhatIsParked(id)
    if (Date.now() - lastKill > 240_000) throw new Error(`still open: ${open.join(", ")}`)
    await sleep(250)
  }

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
      { timeoutMs: Math.max(1_000, lastKill + 30_000 - Date.now()) },
    )
    expect(check.checked).toBe(TRANSACTIONS)
    const deliveries = await ledger.deliveries()
    for (const id of ids)
      await checkTransaction(
        client,
        id,
        deliveries.filter(({ transaction }) => transaction === id),
      )
    await checkStock()
  } finally {
    await pool.end()
    await connection.close()
  }
})

async function killAtRandom(): Promise<void> {
  for (let kill = 0; kill < KILLS; kill++) {
    await sleep(700 + Math.random() * 1_500)
    await cluster.killNext()
  }
}

async function read(id: string): Promise<Transaction> {
  // Shaped by our own API, whose tests check it.
  return (await cluster.call("GET", `/api/v1/transactions/${id}`)).data as Transaction
}

async function openTransactions(ids: string[]): Promise<string[]> {
  const open: string[] = []
  for (const id of ids) {
    const data = await read(id)
    expect(["pending", "running", "blocked", "success"]).toContain(data.status)
    if (data.status !== "success") open.push(id)
  }
  return open
}

/** What a careful operator does: look into the target's books, then say what is known. */
async function decideWhatIsParked(id: string): Promise<void> {
  const data = await read(id)
  const deliveries = await ledger.deliveries(id)
  for (const task of data.tasks.filter(({ status }) => status === "parked")) {
    const name = task.task_id
    const happened = deliveries.some((delivery) => delivery.name === name && delivery.effect)
    const decision = UNSAFE.has(name)
      ? happened
        ? { action: "complete", attest: "executed", output: {} }
        : { action: "retry", attest: "not_executed" }
      : { action: "retry" }
    // Refusals are legal here: the state may be older than the run.
    await cluster.call("POST", `/api/v1/transactions/${id}/decisions`, {
      ...decision,
      task: name,
      reason: "checked the ledger",
    })
  }
}

async function checkTransaction(client: Client, id: string, deliveries: Delivery[]): Promise<void> {
  const completedAt = await checkHistory(client, id)
  for (const { id: task, task_name } of FLOW.tasks) {
    if (task_name !== "http") continue
    const mine = deliveries.filter(({ name }) => name === task)
    expect(
      mine.filter(({ effect }) => effect),
      `${id}: net effects of ${task}`,
    ).toHaveLength(1)
    expect(new Set(mine.map(({ key }) => key)).size, `${id}: keys of ${task}`).toBe(1)
    const done = completedAt.get(task)
    if (done !== undefined)
      expect(
        mine.filter(({ at }) => at > done),
        `${id}: ${task} ran after it was done`,
      ).toEqual([])
    if (!UNSAFE.has(task)) continue
    // Once its effect happened, whether we heard of it or not, an unsafe call is never sent again.
    const effectAt = mine.findIndex(({ effect }) => effect)
    expect(mine.slice(effectAt + 1), `${id}: unsafe ${task} was repeated after its effect`).toEqual([])
  }
}

/** The barrier: one reservation per transaction and task, however often a worker died between effect and answer. */
async function checkStock(): Promise<void> {
  const { rows } = await stockPool.query("select sku, reserved from stock order by sku")
  expect(rows).toEqual(DB_TASKS.toSorted().map((sku) => ({ sku, reserved: TRANSACTIONS })))
}
