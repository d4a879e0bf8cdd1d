/** A bank over gRPC and a consumer of RabbitMQ, both with `holdfast/barrier` and their books in one Postgres. */
import { once } from "node:events"
import type { sendUnaryData } from "@grpc/grpc-js"
import { Metadata, status } from "@grpc/grpc-js"
import pg from "pg"
import type { AsyncMessage } from "rabbitmq-client"
import { type Call, startGrpc } from "../../src/activities/rpc/grpc-server.testsuite.ts"
import {
  type BarrierCall,
  BarrierError,
  barrierKeyFromHeaders,
  createBarrier,
  postgres,
} from "../../src/barrier/index.ts"
import { CREATE_BARRIER_TABLE } from "../../src/barrier/tables.ts"
import { createTestDatabase } from "./database.ts"
import type { Broker } from "./rabbitmq.ts"

const PROTO = `
syntax = "proto3";
package shop;
service Payment {
  rpc Charge (Order) returns (Receipt);
  rpc Refund (Order) returns (Receipt);
  rpc Find (Order) returns (Finding);
  rpc Fence (Order) returns (Finding);
}
message Order { string order_id = 1; int64 amount_cents = 2; }
message Receipt { string payment_id = 1; }
message Finding { bool found = 1; string payment_id = 2; }
`

/** What the calls of a method for an order meet, in order; then all is well. */
export type BankFault =
  /** It is done, and the answer lost. */
  | "lost"
  /** Nothing is done. */
  | "away"
  /** It is done at once, and answered a second later. */
  | "slow"
  /** Its sender has gone long since when it is done: at `release`. */
  | "held"

export interface BookEntry {
  transaction: string
  what: string
  amount: number
}

export interface Participants {
  bankPort: number
  misbehave(order: string, method: string, faults: BankFault[]): void
  /** Lets everything go that is held, and waits until it is done. Answers how each of them ended. */
  release(): Promise<string[]>
  /** Starts to take messages from the queue `orders`. */
  consume(broker: Broker): Promise<Consumed>
  /** What was booked for a transaction, in order. */
  books(transaction: string): Promise<BookEntry[]>
  stop(): Promise<void>
}

export interface Consumed {
  /** Every message that came: its key, and what was done with it. */
  messages: { transaction: string; id: string; topic: string; end: string }[]
  /** Messages with this routing key wait until one with another was done with. */
  holdBack(topic: string): void
}

interface Order {
  order_id: string
  amount_cents: string
}

export async function startParticipants(): Promise<Participants> {
  const database = await createTestDatabase("empty")
  const pool = new pg.Pool({ connectionString: database.url, max: 8 })
  await pool.query(CREATE_BARRIER_TABLE.postgres)
  await pool.query(
    "create table book (number bigint generated always as identity, transaction text, what text, amount integer)",
  )
  const barrier = createBarrier(postgres(pool))
  const book = (key: BarrierCall, what: string, amount: number) => async (tx: pg.PoolClient) => {
    const { rows } = await tx.query<{ number: string }>(
      "insert into book (transaction, what, amount) values ($1, $2, $3) returning number",
      [key.transaction, what, amount],
    )
    return { payment_id: `p${rows[0]?.number}` }
  }

  const faults = new Map<string, BankFault[]>()
  let held: { go: () => void; end: Promise<string> }[] = []
  const serve =
    (method: string, act: (key: BarrierCall, order: Order, metadata: Metadata) => Promise<unknown>) =>
    (call: Call, reply: sendUnaryData<unknown>) => {
      // As the proto says.
      const order = call.request as unknown as Order
      const fault = faults.get(`${order.order_id}/${method}`)?.shift()
      const work = async () => {
        if (fault === "away") return reply({ code: status.UNAVAILABLE })
        const done = await act(toKey(call.metadata), order, call.metadata)
        if (fault === "lost") return reply({ code: status.UNAVAILABLE })
        if (fault === "slow") await new Promise((go) => setTimeout(go, 1_000))
        return reply(null, done)
      }
      const ended = (started: Promise<void>) =>
        started.then(
          () => "done",
          (thrown: unknown) => {
            reply({ code: codeOf(thrown), details: String(thrown) })
            return thrown instanceof BarrierError ? thrown.code : String(thrown)
          },
        )
      if (fault === "held") {
        const latch = createLatch()
        held.push({ go: latch.open, end: ended(latch.opened.then(work)) })
      } else void ended(work())
    }

  const bank = await startGrpc({
    proto: PROTO,
    handler: serve("Charge", (key, { amount_cents }) =>
      barrier.do(key, book(key, "charge", Number(amount_cents))),
    ),
    methods: {
      Refund: serve("Refund", (key) =>
        barrier.undo(key, async (tx) => {
          const { rows } = await tx.query<{ amount: number }>(
            "select sum(amount)::integer as amount from book where transaction = $1 and what = 'charge'",
            [key.transaction],
          )
          return book(key, "refund", -(rows[0]?.amount ?? 0))(tx)
        }),
      ),
      Find: serve("Find", async (_key, { order_id }) => {
        const { rows } = await pool.query<{ number: string }>(
          "select number from book where transaction = $1 and what = 'charge'",
          [order_id],
        )
        return rows[0] === undefined ? { found: false } : { found: true, payment_id: `p${rows[0].number}` }
      }),
      Fence: serve("Fence", (key) => fence(key)),
    },
  })

  /** What was done is found and stays; what was not done is never done any more. */
  async function fence(key: BarrierCall): Promise<object> {
    const found = new Error("done before")
    let receipt: unknown
    try {
      await barrier.undo(key, async (_tx, result) => {
        receipt = result
        throw found
      })
      return { found: false }
    } catch (thrown) {
      if (thrown !== found) throw thrown
      // As `book` made it.
      return { found: true, ...(receipt as { payment_id: string }) }
    }
  }

  const stops: (() => Promise<unknown>)[] = []
  async function consume(broker: Broker): Promise<Consumed> {
    const client = broker.connect()
    const messages: Consumed["messages"] = []
    const waiting = new Map<string, Latch>()
    const take = async (message: AsyncMessage): Promise<string> => {
      const key = barrierKeyFromHeaders(message.headers ?? {})
      try {
        if (key.operation === "do") await barrier.do(key, book(key, message.routingKey, 1))
        else await barrier.undo(key, book(key, message.routingKey, -1))
        return "done"
      } catch (thrown) {
        if (thrown instanceof BarrierError && thrown.code === "rejected_after_compensation")
          return thrown.code
        throw thrown
      }
    }
    const consumer = client.createConsumer(
      { queue: "orders", queueOptions: { passive: true }, qos: { prefetchCount: 20 } },
      async (message, reply) => {
        const { routingKey: topic } = message
        const own = waiting.get(topic)
        if (own !== undefined) await own.opened
        const end = await take(message)
        const { transaction } = barrierKeyFromHeaders(message.headers ?? {})
        messages.push({ transaction, id: message.messageId ?? "", topic, end })
        if (message.replyTo !== undefined) await reply({ ok: true })
        if (own !== undefined) return
        for (const one of waiting.values()) one.open()
        waiting.clear()
      },
    )
    await once(consumer, "ready")
    stops.push(async () => {
      await consumer.close()
      await client.close()
    })
    return {
      messages,
      holdBack: (topic) => {
        waiting.set(topic, createLatch())
      },
    }
  }

  return {
    bankPort: bank.port,
    misbehave: (order, method, script) => void faults.set(`${order}/${method}`, [...script]),
    async release() {
      const all = held
      held = []
      for (const { go } of all) go()
      return Promise.all(all.map(({ end }) => end))
    },
    consume,
    async books(transaction) {
      const { rows } = await pool.query<BookEntry>(
        "select transaction, what, amount from book where transaction = $1 order by number",
        [transaction],
      )
      return rows
    },
    async stop() {
      for (const stop of stops.toReversed()) await stop()
      bank.stop()
      await pool.end()
      await database.drop()
    },
  }
}

/** A probe asks about the call whose task and generation it names, and fences it as its undoing would. */
function toKey(metadata: Metadata): BarrierCall {
  const headers = metadata.getMap()
  const operation = headers["x-holdfast-operation"] === "probe" ? "undo" : headers["x-holdfast-operation"]
  return barrierKeyFromHeaders({ ...headers, "x-holdfast-operation": operation })
}

function codeOf(thrown: unknown): status {
  const isRefusal = thrown instanceof BarrierError && thrown.code === "rejected_after_compensation"
  return isRefusal ? status.FAILED_PRECONDITION : status.UNAVAILABLE
}

interface Latch {
  opened: Promise<void>
  open: () => void
}

function createLatch(): Latch {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open }
}
