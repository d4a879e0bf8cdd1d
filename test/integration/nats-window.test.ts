/**
 * JetStream remembers a message's id for a while. A message whose confirm is lost, published again within that time
 * and after it: through the whole product, to a consumer that keeps the barrier.
 */
import { randomUUID } from "node:crypto"
import { jetstream, jetstreamManager } from "@nats-io/jetstream"
import { nanos } from "@nats-io/transport-node"
import pg from "pg"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { barrierKeyFromHeaders, createBarrier, postgres } from "../../src/barrier/index.ts"
import { CREATE_BARRIER_TABLE } from "../../src/barrier/tables.ts"
import { createTestDatabase } from "../helpers/database.ts"
import { createNode } from "../helpers/holdfast-node.ts"
import { createNodeApi, type NodeApi } from "../helpers/node-api.ts"
import { type NatsServer, PASSWORD, startNats } from "../helpers/nats.ts"
import { findOptionalServer } from "../helpers/optional-server.ts"
import { openTcpGate, type TcpGate } from "../helpers/tcp-gate.ts"
import { testTemporal } from "../helpers/temporal.ts"
import { until } from "../helpers/until.ts"

const program = findOptionalServer("nats-server")

const WINDOW_MS = 8_000
const FLOW = {
  name: "announced",
  tasks: [
    {
      id: "announce",
      task_name: "mq",
      config: { connection: "events", topic: "orders.paid" },
      input: { order_id: "${ params.order }", amount: 7 },
      effect: "keyed",
      dedup_window: `${WINDOW_MS / 1_000}s`,
      retry: { strategy: "manual", max_attempts: 1 },
      timeout: { attempt: "1s" },
    },
  ],
}

interface Message {
  transaction: string
  id: string
  body: { amount: number }
}

describe.skipIf(program === undefined)("a message to NATS whose confirm is lost", () => {
  let server: NatsServer
  /** Holdfast's own way to the server. */
  let gate: TcpGate
  let pool: pg.Pool
  let api: NodeApi
  const stops: (() => Promise<unknown>)[] = []
  /** What the stream holds, in order, once its consumer was done with it. */
  const consumed: Message[] = []

  beforeAll(async () => {
    const [business, database] = [await createTestDatabase("empty"), await createTestDatabase()]
    stops.push(() => Promise.all([business.drop(), database.drop()]))
    pool = new pg.Pool({ connectionString: business.url, max: 2 })
    stops.push(() => pool.end())
    server = await startNats(program ?? "")
    stops.push(() => server.stop())
    gate = await openTcpGate({ host: "127.0.0.1", port: server.port })
    stops.push(() => gate.close())
    const manager = await jetstreamManager(server.client)
    await manager.streams.update("ORDERS", { duplicate_window: nanos(WINDOW_MS) })
    await pool.query(CREATE_BARRIER_TABLE.postgres)
    await pool.query("create table book (transaction text, amount integer)")
    void consume()
    const temporal = await testTemporal()
    const node = await createNode({
      databaseUrl: database.url,
      temporalAddress: temporal.address,
      namespace: temporal.namespace,
      connections: [
        {
          name: "events",
          kind: "nats",
          host: "127.0.0.1",
          port: gate.port,
          username: "app",
          password_secret: "nats",
        },
      ],
      secrets: { nats: PASSWORD },
    })
    stops.push(() => node.stop())
    await node.start()
    api = createNodeApi(node.url)
    await api.publish(FLOW)
  }, 120_000)
  afterAll(async () => {
    for (const stop of stops.splice(0).toReversed()) await stop()
  })

  /** Until the server's client closes. */
  async function consume(): Promise<void> {
    const barrier = createBarrier(postgres(pool))
    const manager = await jetstreamManager(server.client)
    await manager.consumers.add("ORDERS", { durable_name: "books", ack_policy: "explicit" })
    const consumer = await jetstream(server.client).consumers.get("ORDERS", "books")
    for await (const message of await consumer.consume()) {
      const headers = Object.fromEntries(
        [...(message.headers ?? [])].map(([name, values]) => [name, values[0]]),
      )
      const call = barrierKeyFromHeaders(headers)
      const body = message.json<Message["body"]>()
      await barrier.do(call, (tx) =>
        tx.query("insert into book values ($1, $2)", [call.transaction, body.amount]),
      )
      message.ack()
      consumed.push({ transaction: call.transaction, id: headers["Nats-Msg-Id"] ?? "", body })
    }
  }

  const messagesOf = (id: string) => consumed.filter(({ transaction }) => transaction === id)
  const bookedOf = async (id: string) => {
    const { rows } = await pool.query<{ amount: number }>("select amount from book where transaction = $1", [
      id,
    ])
    return rows.map(({ amount }) => amount)
  }
  const decide = (id: string, decision: object) =>
    api.post(`/transactions/${id}/decisions`, { task: "announce", reason: "seen", ...decision })

  const stored = async () => {
    const manager = await jetstreamManager(server.client)
    return (await manager.streams.info("ORDERS")).state.messages
  }

  /** Stored, and parked as unknown; the way to the server is open again. */
  async function announceAndLose(): Promise<string> {
    const [warm, id] = [randomUUID(), randomUUID()]
    // The connection is there, and its handshake is over.
    await api.start("announced", warm, { order: warm })
    await api.reaches(warm, "success")
    gate.mute()
    await api.start("announced", id, { order: id })
    await api.reaches(id, "blocked")
    gate.shut()
    gate.open()
    expect(await api.exceptionOf(id)).toMatchObject({ kind: "unknown_outcome", outcome: "unknown" })
    return id
  }

  test("31: is published again within the window and stored once", async () => {
    const id = await announceAndLose()
    const before = await stored()
    expect(await api.exceptionOf(id)).toMatchObject({ retry_safe: true })
    expect(await decide(id, { action: "retry" })).toMatchObject({ status: 200 })
    await api.reaches(id, "success")
    expect(await stored()).toBe(before)
    await until(
      () => messagesOf(id),
      (found) => found.length > 0,
    )
    expect(await bookedOf(id)).toEqual([7])
  })

  test("31: is no safe retry after the window: published again it is stored twice, and applied once", async () => {
    const id = await announceAndLose()
    await until(
      () => api.exceptionOf(id),
      (found) => found.retry_safe === false,
    )
    expect(await decide(id, { action: "retry" })).toMatchObject({
      status: 409,
      json: { error: "outside_dedup_window" },
    })
    // Wrongly: it did.
    const attest = { action: "retry", attest: "not_executed", evidence: "not in the stream's first page" }
    expect(await decide(id, attest)).toMatchObject({ status: 200 })
    await api.reaches(id, "success")
    const copies = await until(
      () => messagesOf(id),
      (found) => found.length > 1,
    )
    expect(new Set(copies.map((copy) => copy.id)).size).toBe(1)
    expect(await bookedOf(id)).toEqual([7])
  })

  test("32: with another input it has another id, and is not dropped within the window", async () => {
    const id = await announceAndLose()
    const corrected = { action: "retry_with_input", input: { order_id: id, amount: 8 } }
    expect(await decide(id, corrected)).toMatchObject({
      status: 409,
      json: { error: "unknown_needs_attestation" },
    })
    const attest = { attest: "not_executed", evidence: "the old body may stay" }
    expect(await decide(id, { ...corrected, ...attest })).toMatchObject({ status: 200 })
    await api.reaches(id, "success")
    const both = await until(
      () => messagesOf(id),
      (found) => found.length > 1,
    )
    expect(both.map(({ body }) => body.amount)).toEqual([7, 8])
    expect(new Set(both.map((one) => one.id)).size).toBe(2)
    expect(await bookedOf(id)).toEqual([7, 8])
  })
})
