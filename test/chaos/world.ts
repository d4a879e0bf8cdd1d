/** A target of every kind, each behind a gate that can be shut or frozen, and each with books of its own. */
import { once } from "node:events"
import { jetstreamManager } from "@nats-io/jetstream"
import pg from "pg"
import { type EventBroker, startEvents } from "../../src/app/shop/events.ts"
import { type PaymentService, startPayment } from "../../src/app/shop/payment.ts"
import { withStopList } from "../../src/app/stop-list.ts"
import type { Connection } from "../../src/contract/connections.ts"
import { createTestDatabase } from "../helpers/database.ts"
import { type EffectLedger, startEffectLedger } from "../helpers/effect-ledger.ts"
import { mariadb, startMariaDb } from "../helpers/mariadb.ts"
import { PASSWORD as NATS_PASSWORD, startNats } from "../helpers/nats.ts"
import { findOptionalServer } from "../helpers/optional-server.ts"
import { findRabbitmq, PASSWORD as RABBIT_PASSWORD, startRabbitmq } from "../helpers/rabbitmq.ts"
import { openTcpGate, type TcpGate } from "../helpers/tcp-gate.ts"

const natsServer = findOptionalServer("nats-server")
const rabbitmq = findRabbitmq()
/** Whether this machine has every server that the world needs. */
export const hasEveryServer = natsServer !== undefined && rabbitmq !== undefined && mariadb !== undefined

const EXISTING = "create table stock (sku varchar(64) primary key, reserved integer not null default 0)"

export interface World {
  connections: Connection[]
  secrets: Record<string, string>
  gates: TcpGate[]
  ledger: EffectLedger
  payment: PaymentService
  /** What happened in the targets, as each of them knows it. */
  books(): Promise<Books>
  stop(): Promise<void>
}

export interface Books {
  /** Charges by order. */
  charges: Map<string, number>
  /** Reservations by sku, in Postgres and in MariaDB. */
  reserved: { postgres: Map<string, number>; mysql: Map<string, number> }
  /** Ids of the messages that were taken, as often as they were. */
  messages: { mqtt: string[]; rabbitmq: string[]; nats: string[] }
}

/** @param skus what is in stock, of which nothing is reserved yet. */
export function startWorld(skus: readonly string[]): Promise<World> {
  return withStopList(async (stops) => {
    const begin = async <Target extends { stop(): unknown }>(name: string, start: Promise<Target>) => {
      const target = await start
      stops.add(name, () => target.stop())
      return target
    }
    const starts = [
      begin("the ledger", startEffectLedger()),
      begin("the payment service", startPayment()),
      begin("the broker of events", startEvents()),
      begin("the stock in Postgres", openPostgresStock(skus)),
      begin("the stock in MariaDB", openMysqlStock(skus)),
      begin("RabbitMQ", startRabbitmq(rabbitmq ?? "")),
      begin("NATS", startNats(natsServer ?? "")),
    ] as const
    // Where one fails, the others are stopped once they are up.
    await Promise.allSettled(starts)
    const [ledger, payment, events, stock, business, rabbit, nats] = await Promise.all(starts)
    const gates: TcpGate[] = []
    const at = async (port: number) => {
      const host = "127.0.0.1"
      const gate = await openTcpGate({ host, port })
      gates.push(gate)
      stops.add("a gate", () => gate.close())
      return { host, port: gate.port }
    }
    const paid: string[] = []
    const consumer = rabbit.connect()
    const subscription = consumer.createConsumer(
      { queue: "orders", queueOptions: { passive: true } },
      async (message) => void paid.push(message.messageId ?? ""),
    )
    stops.add("the consumer", async () => {
      await subscription.close()
      await consumer.close()
    })
    await once(subscription, "ready")
    return {
      connections: [
        { name: "ledger", kind: "http", base_url: ledger.url, profile: "plain" },
        {
          name: "quotes",
          kind: "http-rpc",
          host: "127.0.0.1",
          port: ledger.port,
          path: "/do/{method}",
          profile: "plain",
        },
        { name: "payment", kind: "grpc", ...(await at(payment.port)) },
        { name: "events", kind: "mqtt", protocol: "3.1.1", ...(await at(events.port)) },
        { name: "stock", ...stock.settings, ...(await at(stock.settings.port)), password_secret: "stock" },
        {
          name: "business",
          ...business.settings,
          ...(await at(business.settings.port)),
          password_secret: "business",
        },
        {
          name: "rabbit",
          kind: "rabbitmq",
          ...(await at(rabbit.port)),
          vhost: "shop",
          exchange: "events",
          username: "app",
          password_secret: "rabbit",
        },
        { name: "nats", kind: "nats", ...(await at(nats.port)), username: "app", password_secret: "nats" },
      ],
      secrets: {
        stock: stock.password,
        business: business.password,
        rabbit: RABBIT_PASSWORD,
        nats: NATS_PASSWORD,
      },
      gates,
      ledger,
      payment,
      books: async () => ({
        charges: countBy(payment.ledger().map(({ order_id }) => order_id)),
        reserved: { postgres: await stock.reserved(), mysql: await business.reserved() },
        messages: { mqtt: idsOf(events), rabbitmq: [...paid], nats: await idsInStream(nats.client) },
      }),
      stop: stops.stop,
    }
  })
}

interface StockRow {
  sku: string
  reserved: number
}

const toStock = (rows: readonly StockRow[]) => new Map(rows.map(({ sku, reserved }) => [sku, reserved]))

async function openPostgresStock(skus: readonly string[]) {
  const database = await createTestDatabase("empty")
  const pool = new pg.Pool({ connectionString: database.url, max: 2 })
  await pool.query(EXISTING)
  await pool.query("insert into stock (sku) select unnest($1::text[])", [skus])
  const url = new URL(database.url)
  return {
    settings: {
      kind: "postgres" as const,
      port: Number(url.port),
      database: url.pathname.slice(1),
      user: decodeURIComponent(url.username),
    },
    password: decodeURIComponent(url.password),
    reserved: async () => toStock((await pool.query<StockRow>("select sku, reserved from stock")).rows),
    stop: async () => {
      await pool.end()
      await database.drop()
    },
  }
}

async function openMysqlStock(skus: readonly string[]) {
  const server = await startMariaDb(mariadb ?? "")
  const admin = await server.connect()
  await admin.query(EXISTING)
  await admin.query("insert into stock (sku) values ?", [skus.map((sku) => [sku])])
  const { port, user, password, database } = server
  return {
    settings: { kind: "mysql" as const, port, database, user },
    password,
    reserved: async () => {
      const [rows] = await admin.query("select sku, reserved from stock")
      // Of a select: one object a row.
      return toStock(rows as StockRow[])
    },
    stop: async () => {
      await admin.end()
      await server.stop()
    },
  }
}

function idsOf(events: EventBroker): string[] {
  return events.received().map(({ body }) => String((body as { id?: unknown }).id))
}

/** JetStream takes a repeat of an id within its window for the same message. */
async function idsInStream(client: Parameters<typeof jetstreamManager>[0]): Promise<string[]> {
  const manager = await jetstreamManager(client)
  const { state } = await manager.streams.info("ORDERS")
  const ids: string[] = []
  // One that nothing was sent to begins and ends at 0, where no message is.
  for (let seq = Math.max(state.first_seq, 1); seq <= state.last_seq; seq++) {
    const message = await manager.streams.getMessage("ORDERS", { seq })
    ids.push(message?.header.get("Nats-Msg-Id") ?? "")
  }
  return ids
}

function countBy(names: string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}
