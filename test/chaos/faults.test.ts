/**
 * Every connector at once, with targets that refuse, hang, cut and lose replies, processes that are killed, and our
 * own Postgres stopped in the middle. Judged from the books of the targets, Temporal's histories and `mirror check`.
 */
import { randomUUID } from "node:crypto"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { idempotencyKey } from "../../src/contract/idempotency-key.ts"
import type { Fault } from "../helpers/effect-ledger.ts"
import { until } from "../helpers/until.ts"
import { checkAll } from "./check-all.ts"
import { createOperator, followToEnds } from "./follow.ts"
import { countFaults, harm } from "./harm.ts"
import { type Stage, startStage } from "./stage.ts"
import { hasEveryServer } from "./world.ts"

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

describe.skipIf(!hasEveryServer)("every connector under faults", () => {
  const ids = Array.from({ length: TRANSACTIONS }, (_, at) => `f-${at}-${randomUUID().slice(0, 8)}`)
  let stage: Stage
  beforeAll(async () => {
    stage = await startStage(ids)
  }, 300_000)
  afterAll(() => stage.stop())

  test(
    `${TRANSACTIONS} transactions end well through ${KILLS} kills and ${OUTAGE_MS / 1_000} s without Postgres`,
    { timeout: 1_200_000 },
    async ({ signal }) => {
      const { cluster, world } = stage
      await cluster.call("POST", "/api/v1/flows", { definition: FLOW })
      for (const [at, id] of ids.entries()) {
        for (const [position, name] of LEDGER_TASKS.entries())
          await world.ledger.misbehave(name, FAULTS[(at * 4 + position * 3) % FAULTS.length] ?? [], id)
        if (at % 4 === 0) world.payment.failNext(id, at % 8 === 0 ? "after" : "before")
      }
      const injected = await harm({
        cluster,
        ids,
        flow: FLOW.name,
        kills: KILLS,
        outage: () => stage.outage(OUTAGE_MS, "SIGINT"),
        gates: world.gates,
        signal,
      })
      const quietSince = Date.now()
      const endings = await followToEnds({
        ...stage,
        ids,
        withinMs: 600_000,
        may: { be: ["pending", "running", "blocked"], end: ["success"] },
        decide: createOperator(cluster, world.ledger, UNSAFE),
      })
      const deliveries = await world.ledger.deliveries()
      const audited = await checkAll({
        ...stage,
        flow: FLOW,
        inLedger: LEDGER_TASKS,
        deliveries,
        endings,
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

  async function checkBooks(): Promise<void> {
    const messagesOf = (task: string) =>
      new Set(
        ids.map((transaction) =>
          idempotencyKey({ tenant: "default", transaction, task, generation: 1, operation: "do" }),
        ),
      )
    // What a broker has taken comes to its subscriber a moment later.
    const { charges, reserved, messages } = await until(
      () => stage.world.books(),
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
