/**
 * Every connector at once, with targets that refuse, hang, cut and lose replies, processes that are killed, and our
 * own Postgres stopped in the middle. Judged from the books of the targets, Temporal's histories and `mirror check`.
 */
import { randomUUID } from "node:crypto"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { createStopList } from "../../src/app/stop-list.ts"
import { idempotencyKey } from "../../src/contract/idempotency-key.ts"
import { type LocalPostgres, startPostgres } from "../../src/local/postgres.ts"
import type { Fault } from "../helpers/effect-ledger.ts"
import { testTemporal, type TestTemporal } from "../helpers/temporal.ts"
import { until } from "../helpers/until.ts"
import { checkAll } from "./check-all.ts"
import { type Cluster, startCluster } from "./cluster.ts"
import { countFaults, harm } from "./harm.ts"
import { hasEveryServer, startWorld, type World } from "./world.ts"

const FULL = process.env.HOLDFAST_SOAK === "full"
const TRANSACTIONS = FULL ? 300 : 30
const KILLS = FULL ? 12 : 2
const OUTAGE_MS = FULL ? 20_000 : 4_000

const RETRY = { strategy: "auto", max_attempts: 8, interval: "100ms", max_interval: "1s" }
const task = (id: string, task_name: string, config: object, more: object = {}) => ({
  id,
  task_name,
  retry: RETRY,
  timeout: { attempt: "3s" },
  config,
  ...more,
})
const reserve = (connection: string, sign: string) => ({
  connection,
  sql: `update stock set reserved = reserved + 1 where sku = ${sign}`,
  args: ["${ params.order }"],
  expect_rows: 1,
})
const announce = (connection: string) => ({
  connection,
  topic: connection === "events" ? "orders/paid" : "orders.paid",
})
/** Two rounds of calls, so that what failed in the first meets the next fault in the second. */
const FLOW = {
  name: "faults",
  tasks: [
    task("quote", "rpc", { service: "quotes", method: "quote" }, { effect: "unsafe" }),
    task(
      "pay",
      "rpc",
      { service: "payment", method: "shop.Payment/Charge" },
      {
        input: { order_id: "${ params.order }", amount_cents: 100 },
        depends_on: ["quote"],
      },
    ),
    task("pg", "db", reserve("stock", "$1")),
    task("my", "db", reserve("business", "?")),
    task(
      "ship",
      "http",
      { connection: "ledger", url: "/do/ship", body: {} },
      {
        effect: "keyed",
        depends_on: ["pay", "pg", "my"],
      },
    ),
    task("mqtt", "mq", announce("events"), { depends_on: ["pg"] }),
    task("rabbit", "mq", announce("rabbit"), { depends_on: ["my"] }),
    task("nats", "mq", announce("nats"), { depends_on: ["ship"] }),
    task(
      "label",
      "http",
      { connection: "ledger", url: "/do/label", body: {} },
      {
        effect: "unsafe",
        depends_on: ["ship"],
      },
    ),
  ],
}
const LEDGER_TASKS = ["quote", "ship", "label"]
const UNSAFE = new Set(["quote", "label"])
const FAULTS: Fault[][] = [
  [],
  [],
  ["unavailable"],
  ["reply_lost"],
  ["error_after"],
  ["cut", "reply_lost"],
  ["hang_after"],
  ["slow:400"],
  ["refuse"],
]

interface Task {
  task_id: string
  status: string
}

describe.skipIf(!hasEveryServer)("every connector under faults", () => {
  let directory: string
  let postgres: LocalPostgres
  let temporal: TestTemporal
  let world: World
  let cluster: Cluster
  const ids = Array.from({ length: TRANSACTIONS }, (_, at) => `f-${at}-${randomUUID().slice(0, 8)}`)
  const stops = createStopList()

  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), "holdfast-faults-"))
    stops.add("the directory", () => rm(directory, { recursive: true, force: true }))
    postgres = await startOurPostgres()
    stops.add("our Postgres", () => postgres.stop())
    temporal = await testTemporal()
    world = await startWorld(ids)
    stops.add("the targets", () => world.stop())
    cluster = await startCluster(2, {
      databaseUrl: postgres.url,
      temporalAddress: temporal.address,
      namespace: temporal.namespace,
      connections: world.connections,
      secrets: world.secrets,
    })
    stops.add("the cluster", () => cluster.stop())
  }, 300_000)
  afterAll(stops.stop)

  /** The same data directory and port every time. */
  function startOurPostgres(preferredPort?: number): Promise<LocalPostgres> {
    return startPostgres({
      stateDir: directory,
      environment: process.env,
      say: () => {},
      state: "kept",
      ...(preferredPort === undefined ? {} : { preferredPort }),
    })
  }

  test(
    `${TRANSACTIONS} transactions end well through ${KILLS} kills and ${OUTAGE_MS / 1_000} s without Postgres`,
    { timeout: 1_200_000 },
    async ({ signal }) => {
      await cluster.call("POST", "/api/v1/flows", { definition: FLOW })
      for (const [at, id] of ids.entries()) {
        for (const [position, name] of LEDGER_TASKS.entries())
          await world.ledger.misbehave(name, FAULTS[(at * 4 + position * 3) % FAULTS.length] ?? [], id)
        if (at % 4 === 0) world.payment.failNext(id, at % 8 === 0 ? "after" : "before")
      }
      const left = ids.values()
      const startNext = async () => {
        const { value: id } = left.next()
        if (id === undefined) return
        const start = { instance_id: id, flow_id: FLOW.name, params: { order: id } }
        const { status } = await cluster.call("POST", "/api/v1/transactions", start)
        expect([200, 201]).toContain(status)
      }
      const { gates } = world
      const transactions = TRANSACTIONS
      const injected = await harm({ cluster, transactions, startNext, kills: KILLS, outage, gates, signal })
      const quietSince = Date.now()
      await decideUntilAllEnded()
      const deliveries = await world.ledger.deliveries()
      const audited = await checkAll({
        databaseUrl: postgres.url,
        temporal,
        flow: FLOW,
        inLedger: LEDGER_TASKS,
        deliveries,
        endings: new Map(ids.map((id) => [id, "success"])),
        injected,
        quietSince,
      })
      await checkBooks()
      const { shut, frozen } = injected
      const target = countFaults(
        deliveries.map(({ fault }) => fault),
        FAULTS.flat(),
      )
      process.stdout.write(
        `  ${audited} rows of audit, faults injected: ${JSON.stringify({ shut, frozen, target })}\n`,
      )
    },
  )

  async function outage(): Promise<void> {
    await postgres.stop()
    await sleep(OUTAGE_MS)
    postgres = await startOurPostgres(postgres.port)
  }

  async function read(id: string): Promise<{ status: string; tasks: Task[] }> {
    // Shaped by our own API, whose tests check it.
    return (await cluster.call("GET", `/api/v1/transactions/${id}`)).data as { status: string; tasks: Task[] }
  }

  async function decideUntilAllEnded(): Promise<void> {
    const deadline = Date.now() + 600_000
    let open: readonly string[] = ids
    while (open.length > 0) {
      const left: string[] = []
      for (const id of open) {
        const { status, tasks } = await read(id)
        expect(["pending", "running", "blocked", "success"]).toContain(status)
        if (status === "success") continue
        left.push(id)
        for (const one of tasks) if (one.status === "parked") await decide(id, one.task_id)
      }
      open = left
      if (Date.now() > deadline) throw new Error(`still open: ${open.join(", ")}`)
      if (open.length > 0) await sleep(250)
    }
  }

  /** What a careful operator does: look into the target's books, then say what is known. */
  async function decide(id: string, name: string): Promise<void> {
    const happened = (await world.ledger.deliveries(id)).some((one) => one.name === name && one.effect)
    const decision = !UNSAFE.has(name)
      ? { action: "retry" }
      : happened
        ? { action: "complete", attest: "executed", output: {} }
        : { action: "retry", attest: "not_executed" }
    // Refusals are legal: the state may be older than the run.
    const { status } = await cluster.call("POST", `/api/v1/transactions/${id}/decisions`, {
      ...decision,
      task: name,
      reason: "checked the books",
    })
    expect([200, 409]).toContain(status)
  }

  async function checkBooks(): Promise<void> {
    const messagesOf = (task: string) =>
      new Set(
        ids.map((transaction) =>
          idempotencyKey({ tenant: "default", transaction, task, generation: 1, operation: "do" }),
        ),
      )
    // What a broker has taken comes to its subscriber a moment later.
    const { charges, reserved, messages } = await until(
      () => world.books(),
      (books) =>
        [books.messages.mqtt, books.messages.rabbitmq].every((one) => new Set(one).size >= ids.length),
    )
    const once = new Map(ids.map((id) => [id, 1]))
    expect(charges).toEqual(once)
    expect(reserved).toEqual({ postgres: once, mysql: once })
    // Brokers may get a message again, under the same id; JetStream keeps the first one.
    expect(new Set(messages.mqtt)).toEqual(messagesOf("mqtt"))
    expect(new Set(messages.rabbitmq)).toEqual(messagesOf("rabbit"))
    expect(new Set(messages.nats)).toEqual(messagesOf("nats"))
    expect(messages.nats).toHaveLength(TRANSACTIONS)
  }
})
