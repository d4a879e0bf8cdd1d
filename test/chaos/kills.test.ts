/**
 * Worker and API are killed with SIGKILL while transactions run. What must hold afterwards is judged from the
 * target's own ledger, from Temporal's histories and by `mirror check`, not from what Holdfast says.
 */
import { randomUUID } from "node:crypto"
import pg from "pg"
import { afterAll, beforeAll, expect, test } from "vitest"
import { createStopList } from "../../src/app/stop-list.ts"
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts"
import { type EffectLedger, type Fault, startEffectLedger } from "../helpers/effect-ledger.ts"
import { testTemporal, type TestTemporal } from "../helpers/temporal.ts"
import { checkAll } from "./check-all.ts"
import { type Cluster, startCluster } from "./cluster.ts"
import { createOperator, followToEnds } from "./follow.ts"
import { countFaults, harm } from "./harm.ts"

const FULL = process.env.HOLDFAST_SOAK === "full"
const TRANSACTIONS = FULL ? 100 : 20
const KILLS = FULL ? 8 : 3

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
    args: [`\${ params.order }/${id}`],
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
const tasksOf = (kind: string) => FLOW.tasks.filter(({ task_name }) => task_name === kind).map(({ id }) => id)
const [DB_TASKS, HTTP_TASKS] = [tasksOf("db"), tasksOf("http")]
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

const ids = Array.from({ length: TRANSACTIONS }, (_, at) => `chaos-${at}-${randomUUID().slice(0, 8)}`)
const skus = ids.flatMap((id) => DB_TASKS.map((task) => `${id}/${task}`))

let ledger: EffectLedger
let database: TestDatabase
let stockPool: pg.Pool
let temporal: TestTemporal
let cluster: Cluster
const stops = createStopList()

beforeAll(async () => {
  ledger = await startEffectLedger()
  stops.add("the ledger", () => ledger.stop())
  database = await createTestDatabase()
  stops.add("our database", () => database.drop())
  const stock = await createTestDatabase("empty")
  stops.add("the stock", () => stock.drop())
  temporal = await testTemporal()
  stockPool = new pg.Pool({ connectionString: stock.url })
  stops.add("the pool", () => stockPool.end())
  await stockPool.query("create table stock (sku text primary key, reserved integer not null default 0)")
  await stockPool.query("insert into stock (sku) select unnest($1::text[])", [skus])
  const url = new URL(stock.url)
  cluster = await startCluster(2, {
    databaseUrl: database.url,
    temporalAddress: temporal.address,
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
  stops.add("the cluster", () => cluster.stop())
})
afterAll(stops.stop)

test(`${TRANSACTIONS} transactions end well although worker and API are killed ${KILLS} times`, async ({
  signal,
}) => {
  await cluster.call("POST", "/api/v1/flows", { name: FLOW.name, definition: FLOW })
  for (const [at, id] of ids.entries())
    for (const [position, { id: task }] of FLOW.tasks.entries())
      await ledger.misbehave(task, FAULTS[(at * 5 + position * 3) % FAULTS.length] ?? [], id)

  const injected = await harm({ cluster, ids, flow: FLOW.name, kills: KILLS, signal })
  const quietSince = Date.now()
  // Decisions go on while the mirror heals; every one is checked against the ledger's truth first.
  const endings = await followToEnds({
    cluster,
    databaseUrl: database.url,
    temporal,
    ids,
    withinMs: 240_000,
    may: { be: ["pending", "running", "blocked"], end: ["success"] },
    decide: createOperator(cluster, ledger, UNSAFE),
  })

  const deliveries = await ledger.deliveries()
  const audited = await checkAll({
    databaseUrl: database.url,
    temporal,
    flow: FLOW,
    inLedger: HTTP_TASKS,
    deliveries,
    endings,
    injected,
    quietSince,
  })
  await checkStock()
  const target = countFaults(
    deliveries.map(({ fault }) => fault),
    FAULTS.flat(),
  )
  process.stdout.write(`  ${audited} rows of audit, faults injected: ${JSON.stringify(target)}\n`)
})

/** The barrier: one reservation of each task of each transaction, however often a worker died before its answer. */
async function checkStock(): Promise<void> {
  const { rows } = await stockPool.query<{ sku: string; reserved: number }>("select sku, reserved from stock")
  expect(new Map(rows.map(({ sku, reserved }) => [sku, reserved]))).toEqual(
    new Map(skus.map((sku) => [sku, 1])),
  )
}
