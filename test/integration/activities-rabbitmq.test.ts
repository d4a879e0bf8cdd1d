/** RabbitMQ on a real broker: the rows of the transactions reference, 6.4, that a broker can be brought to. */
import type { AsyncMessage, Connection } from "rabbitmq-client"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { AttemptAborted, type CallRequest, type Connector } from "../../src/activities/call.ts"
import {
  brief,
  connectionsOf,
  createCall,
  localGuard,
  secretsOf,
  until,
} from "../../src/activities/calls.testsuite.ts"
import { createMqConnector } from "../../src/activities/mq/connector.ts"
import type { RabbitmqConnection } from "../../src/contract/connections.ts"
import { AMQP_CONFIRMS, startFrameProxy } from "../helpers/frame-proxy.ts"
import { type Broker, findRabbitmq, PASSWORD, startRabbitmq } from "../helpers/rabbitmq.ts"
import { openTcpGate, type TcpGate } from "../helpers/tcp-gate.ts"

const program = findRabbitmq()
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

let broker: Broker
/** The broker's other door, which a test can shut. */
let gate: TcpGate

function connectorTo(more: Partial<RabbitmqConnection> = {}): Connector {
  const connector = createMqConnector({
    connections: connectionsOf({
      name: "events",
      kind: "rabbitmq",
      host: "127.0.0.1",
      port: broker.port,
      vhost: "shop",
      exchange: "events",
      username: "app",
      password_secret: "rabbit",
      ...more,
    }),
    secrets: secretsOf({ rabbit: PASSWORD, wrong: "wrong-password" }),
    guard: localGuard,
  })
  cleanups.push(() => connector.close())
  return connector
}

const announce = (config: object = {}, parts: Partial<CallRequest> = {}) =>
  createCall({
    config: { connection: "events", topic: "orders.paid", ...config },
    input: { order_id: "o1" },
    ...parts,
  })

/** A consumer of `orders` that answers by `answer`; the messages it saw. */
async function consume(
  answer: (message: AsyncMessage, client: Connection) => unknown = () => undefined,
): Promise<AsyncMessage[]> {
  const client = broker.connect()
  const seen: AsyncMessage[] = []
  const consumer = client.createConsumer(
    { queue: "orders", queueOptions: { passive: true } },
    async (message) => {
      seen.push(message)
      await answer(message, client)
    },
  )
  const errors: unknown[] = []
  consumer.on("error", (error) => void errors.push(error))
  await new Promise<void>((resolve) => consumer.once("ready", resolve))
  cleanups.push(async () => {
    await consumer.close()
    await client.close()
    expect(errors).toEqual([])
  })
  return seen
}

const reply =
  (body: unknown, headers: Record<string, string> = {}) =>
  async (message: AsyncMessage, client: Connection) => {
    const publisher = client.createPublisher()
    const { replyTo = "", correlationId } = message
    const text = typeof body === "string" ? Buffer.from(body) : body
    const envelope = { routingKey: replyTo, headers, contentType: "application/json" }
    await publisher.send({ ...envelope, ...(correlationId === undefined ? {} : { correlationId }) }, text)
    await publisher.close()
  }

describe.skipIf(program === undefined)("RabbitMQ", () => {
  beforeAll(async () => {
    broker = await startRabbitmq(program ?? "")
    gate = await openTcpGate({ host: "127.0.0.1", port: broker.port })
  }, 150_000)
  afterAll(async () => {
    await gate?.close()
    await broker?.stop()
  })
  beforeEach(async () => {
    const client = broker.connect()
    await client.queuePurge("orders")
    await client.close()
  })

  test("delivers the input durably, under the key, with the event's attributes", async () => {
    const seen = await consume()
    const request = announce({ key: 7, headers: { region: "eu" } })
    const verdict = await connectorTo().call(request)
    expect(verdict).toMatchObject({
      class: "done",
      output: { message_id: request.key, topic: "orders.paid" },
      evidence: { peer: `127.0.0.1:${broker.port}` },
    })
    await until(() => seen.length === 1)
    expect(seen[0]).toMatchObject({
      exchange: "events",
      routingKey: "orders.paid",
      durable: true,
      messageId: request.key,
      correlationId: request.key,
      type: "holdfast.task.do",
      contentType: "application/json",
      body: { order_id: "o1" },
      headers: {
        "ce-id": request.key,
        "ce-source": "/holdfast/acme",
        "ce-holdfasttask": "pay",
        "ce-holdfastgeneration": "1",
        "ce-holdfastfingerprint": request.fingerprint,
        "ce-partitionkey": "7",
        traceparent: expect.stringMatching(/^00-/),
        region: "eu",
      },
    })
  })

  test("publishes to a queue by name over the default exchange", async () => {
    const seen = await consume()
    expect(brief(await connectorTo({ exchange: undefined }).call(announce({ topic: "orders" })))).toEqual({
      class: "done",
    })
    await until(() => seen.length === 1)
    expect(seen[0]).toMatchObject({ exchange: "", routingKey: "orders" })
  })

  test.each<[string, Partial<RabbitmqConnection>, object, string, string]>([
    ["28: a message that no queue takes", {}, { topic: "nobody.listens" }, "misconfigured", "AMQP_312"],
    ["28: a queue that is not there", { exchange: "" }, { topic: "nobody" }, "misconfigured", "AMQP_312"],
    ["an exchange that is not there", { exchange: "nope" }, {}, "misconfigured", "AMQP_404"],
    ["an exchange that it may not write to", { username: "limited" }, {}, "misconfigured", "AMQP_403"],
    ["a queue that refuses it", { exchange: "" }, { topic: "full" }, "unknown", "AMQP_NACK"],
    ["a wrong password", { password_secret: "wrong" }, {}, "misconfigured", "AMQP_403"],
    ["a virtual host that is not there", { vhost: "none" }, {}, "misconfigured", "AMQP_530"],
    ["a header that the broker reads", {}, { headers: { CC: "x" } }, "misconfigured", "AMQP_406"],
  ])("%s", async (_, connection, config, found, code) => {
    const connector = connectorTo(connection)
    // Twice: what the first one broke is made anew.
    for (let attempt = 0; attempt < 2; attempt++)
      expect(brief(await connector.call(announce(config)))).toEqual({ class: found, code })
  })

  test("a refused message says nothing of those beside it", async () => {
    const seen = await consume()
    const connector = connectorTo()
    const topics = Array.from({ length: 60 }, (_, index) =>
      index % 3 === 1 ? "nobody.listens" : "orders.paid",
    )
    const headers = (index: number) => (index % 3 === 2 ? { CC: "x" } : {})
    const verdicts = await Promise.all(
      topics.map((topic, index) => connector.call(announce({ topic, headers: headers(index) }))),
    )
    expect(verdicts.map(brief)).toEqual(
      topics.map(
        (_, index) =>
          [
            { class: "done" },
            { class: "misconfigured", code: "AMQP_312" },
            { class: "misconfigured", code: "AMQP_406" },
          ][index % 3],
      ),
    )
    await until(() => seen.length === 20)
  })

  test("the same key twice is two messages: consumers dedupe", async () => {
    const seen = await consume()
    const connector = connectorTo()
    const request = announce()
    for (let attempt = 0; attempt < 2; attempt++) await connector.call(request)
    await until(() => seen.length === 2)
    expect(new Set(seen.map(({ messageId }) => messageId))).toEqual(new Set([request.key]))
  })

  test("a connection that is cut is found again, and nothing is sent by itself", async () => {
    const seen = await consume()
    const connector = connectorTo({ port: gate.port })
    expect(brief(await connector.call(announce()))).toEqual({ class: "done" })
    gate.shut()
    await until(async () => brief(await connector.call(announce())).class === "not_executed")
    gate.open()
    expect(brief(await connector.call(announce()))).toEqual({ class: "done" })
    await until(() => seen.length === 2)
  })

  describe("with a reply", () => {
    const ask = (parts: Partial<CallRequest> = {}) => announce({ reply: { timeout: 10_000 } }, parts)

    test("is the reply, with every digit", async () => {
      const seen = await consume(reply('{"paid": 9007199254740993, "fee": 0.1}'))
      const request = ask()
      expect(await connectorTo().call(request)).toMatchObject({
        class: "done",
        output: { paid: "9007199254740993", fee: 0.1 },
      })
      expect(seen[0]).toMatchObject({
        correlationId: request.key,
        replyTo: expect.stringContaining("reply-to"),
      })
    })

    test("35: that comes before the broker's confirm is not lost", async () => {
      const proxy = await startFrameProxy(broker.port, AMQP_CONFIRMS)
      cleanups.push(() => proxy.close())
      await consume(reply('{"paid": true}'))
      expect(await connectorTo({ port: proxy.port }).call(ask())).toMatchObject({
        class: "done",
        output: { paid: true },
      })
      await until(() => proxy.kept === 1)
    })

    test.each([
      [{ "x-holdfast-result": "REJECTED" }, { class: "refused", code: "reply_rejected" }],
      [{ "X-Holdfast-Result": "ongoing" }, { class: "ongoing", code: "reply_ongoing" }],
      [{ "x-holdfast-result": "done" }, { class: "done" }],
    ])("that says %j", async (headers, expected) => {
      await consume(reply({ ok: true }, headers))
      expect(brief(await connectorTo().call(ask()))).toEqual(expected)
    })

    test("that answers another message is not taken for its own, and none in time is unknown", async () => {
      await consume((message, client) => reply({}, {})({ ...message, correlationId: "another" }, client))
      const verdict = await connectorTo().call(announce({ reply: { timeout: 300 } }))
      expect(brief(verdict)).toEqual({ class: "unknown", code: "reply_timeout" })
    })

    test("that nobody can give is misconfigured at once", async () => {
      const verdict = await connectorTo().call({
        ...ask(),
        config: { ...ask().config, topic: "nobody.listens" },
      })
      expect(brief(verdict)).toEqual({ class: "misconfigured", code: "AMQP_312" })
    })

    test("that is lost with the connection, or not waited for, is unknown", async () => {
      const seen = await consume()
      const connector = connectorTo({ port: gate.port })
      const lost = connector.call(ask())
      await until(() => seen.length === 1)
      gate.shut()
      expect(brief(await lost)).toEqual({ class: "unknown", code: "connection_lost" })
      gate.open()
      const controller = new AbortController()
      const stopped = connector.call(ask({ signal: controller.signal }))
      await until(() => seen.length === 2)
      controller.abort(new AttemptAborted("attempt_timeout", "over"))
      expect(brief(await stopped)).toEqual({ class: "unknown", code: "attempt_timeout" })
    })
  })
})
