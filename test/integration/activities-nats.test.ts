/** JetStream on a real server: the rows of the transactions reference, 6.4. */
import { jetstreamManager } from "@nats-io/jetstream"
import { headers as natsHeaders, type Msg } from "@nats-io/transport-node"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { AttemptAborted, type CallRequest, type Connector } from "../../src/activities/call.ts"
import {
  brief,
  closedGuard,
  connectionsOf,
  createCall,
  localGuard,
  secretsOf,
  until,
} from "../../src/activities/calls.testsuite.ts"
import { createMqConnector } from "../../src/activities/mq/connector.ts"
import type { NatsConnection } from "../../src/contract/connections.ts"
import { NATS_ACKS, startFrameProxy } from "../helpers/frame-proxy.ts"
import { type NatsServer, PASSWORD, startNats } from "../helpers/nats.ts"
import { findOptionalServer } from "../helpers/optional-server.ts"
import { openTcpGate, type TcpGate } from "../helpers/tcp-gate.ts"

const program = findOptionalServer("nats-server")
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

let server: NatsServer
/** The server's other door, which a test can shut. */
let gate: TcpGate

function connectorTo(more: Partial<NatsConnection> = {}, guard = localGuard): Connector {
  const connector = createMqConnector({
    connections: connectionsOf({
      name: "events",
      kind: "nats",
      host: "127.0.0.1",
      port: server.port,
      username: "app",
      password_secret: "nats",
      ...more,
    }),
    secrets: secretsOf({ nats: PASSWORD, wrong: "wrong-password", creds: "no credentials" }),
    guard,
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

const stored = async () => {
  const manager = await jetstreamManager(server.client)
  return (await manager.streams.info("ORDERS")).state.messages
}

/** What is published to `orders.>`, answered by `answer`. */
async function consume(answer: (message: Msg) => void = () => undefined): Promise<Msg[]> {
  const seen: Msg[] = []
  const subscription = server.client.subscribe("orders.>", {
    callback: (_, message) => {
      seen.push(message)
      answer(message)
    },
  })
  await server.client.flush()
  cleanups.push(() => subscription.unsubscribe())
  return seen
}

const reply =
  (body: string, fields: Record<string, string> = {}) =>
  (message: Msg) => {
    const headers = natsHeaders()
    headers.set("correlation-id", message.headers?.get("correlation-id") ?? "")
    for (const [name, value] of Object.entries(fields)) headers.set(name, value)
    server.client.publish(message.headers?.get("reply-to") ?? "", body, { headers })
  }

describe.skipIf(program === undefined)("NATS", () => {
  beforeAll(async () => {
    server = await startNats(program ?? "")
    gate = await openTcpGate({ host: "127.0.0.1", port: server.port })
  })
  afterAll(async () => {
    await gate?.close()
    await server?.stop()
  })
  beforeEach(async () => {
    const manager = await jetstreamManager(server.client)
    await manager.streams.delete("ORDERS")
    await manager.streams.add({ name: "ORDERS", subjects: ["orders.>"] })
  })

  test("stores the input under the key, with the event's attributes", async () => {
    const seen = await consume()
    const request = announce({ key: "k 7", headers: { region: "eu" } })
    const verdict = await connectorTo({ stream: "ORDERS" }).call(request)
    expect(verdict).toMatchObject({
      class: "done",
      output: { message_id: request.key, topic: "orders.paid" },
      evidence: {
        peer: `127.0.0.1:${server.port}`,
        response: { stream: "ORDERS", sequence: 1, duplicate: false },
      },
    })
    await until(() => seen.length === 1)
    expect(seen[0]?.json()).toEqual({ order_id: "o1" })
    const headers = Object.fromEntries([...(seen[0]?.headers ?? [])].map(([name, [value]]) => [name, value]))
    expect(headers).toMatchObject({
      "Nats-Msg-Id": request.key,
      "ce-id": request.key,
      "ce-source": "/holdfast/acme",
      "ce-holdfasttask": "pay",
      "ce-holdfastfingerprint": request.fingerprint,
      "ce-partitionkey": "k 7",
      "correlation-id": request.key,
      "content-type": "application/json",
      traceparent: expect.stringMatching(/^00-/),
      region: "eu",
    })
  })

  test("a repeat is stored once, and says so", async () => {
    const connector = connectorTo()
    const request = announce()
    expect((await connector.call(request)).class).toBe("done")
    expect(await connector.call(request)).toMatchObject({ class: "done", note: "replayed" })
    expect(await stored()).toBe(1)
  })

  test("a repeat with another input is told from it, though the stream drops it without a word", async () => {
    const connector = connectorTo()
    expect((await connector.call(announce())).class).toBe("done")
    const other = announce({}, { input: { order_id: "o2" } })
    expect(await connector.call(other)).toMatchObject({
      class: "misconfigured",
      code: "key_reused",
      left: "unknown",
    })
    expect(await stored()).toBe(1)
  })

  test("a repeat that it may not compare is believed", async () => {
    const request = announce()
    expect((await connectorTo().call(request)).class).toBe("done")
    expect(await connectorTo({ username: "limited" }).call(request)).toMatchObject({
      class: "done",
      note: expect.stringContaining("could not be read"),
    })
  })

  test.each<[string, Partial<NatsConnection>, object, string, string]>([
    [
      "a subject that no stream holds",
      {},
      { topic: "nobody.listens" },
      "misconfigured",
      "NATS_NO_RESPONDERS",
    ],
    ["an account without JetStream", { username: "poor" }, {}, "misconfigured", "NATS_NO_RESPONDERS"],
    ["another stream than it expects", { stream: "SMALL" }, {}, "misconfigured", "JETSTREAM_10060"],
    ["a message larger than the stream takes", {}, { topic: "small.x" }, "misconfigured", "JETSTREAM_10054"],
    ["a stream that is full", {}, { topic: "full.x" }, "not_executed", "JETSTREAM_10077"],
    [
      "a subject that it may not use",
      { username: "limited" },
      { topic: "full.x" },
      "misconfigured",
      "NATS_PERMISSION",
    ],
    ["a user whom no answer reaches", { username: "deaf" }, {}, "misconfigured", "NATS_PERMISSION"],
    ["a wrong password", { password_secret: "wrong" }, {}, "misconfigured", "NATS_AUTHORIZATION"],
    [
      "credentials that are none",
      { username: undefined, password_secret: undefined, credentials_secret: "creds" },
      {},
      "misconfigured",
      "credentials_invalid",
    ],
    ["a server without TLS, where it is asked for", { tls: true }, {}, "not_executed", "connection_lost"],
  ])("%s", async (_, connection, config, found, code) => {
    const connector = connectorTo(connection)
    for (let attempt = 0; attempt < 2; attempt++)
      expect(brief(await connector.call(announce(config)))).toEqual({ class: found, code })
    expect(await stored()).toBe(0)
  })

  test("a message that the server is too small for is not sent", async () => {
    const verdict = await connectorTo().call(announce({}, { input: "x".repeat(100_000) }))
    expect(brief(verdict)).toEqual({ class: "misconfigured", code: "payload_too_large" })
  })

  test("a guarded address is misconfigured", async () => {
    for (const host of ["127.0.0.1", "localhost"])
      expect(brief(await connectorTo({ host }, closedGuard).call(announce()))).toEqual({
        class: "misconfigured",
        code: "address_blocked",
      })
  })

  test("many at once are stored once each", async () => {
    const connector = connectorTo({ host: "localhost" })
    const calls = Array.from({ length: 60 }, (_, index) =>
      announce({}, { identity: { ...announce().identity, task: `m[${index}]` } }),
    )
    const verdicts = await Promise.all(calls.map((call) => connector.call(call)))
    expect(verdicts.every((verdict) => verdict.class === "done")).toBe(true)
    expect(await stored()).toBe(60)
  })

  test("a connection that is cut is found again, and nothing is sent by itself", async () => {
    const connector = connectorTo({ port: gate.port })
    const of = (task: string) => announce({}, { identity: { ...announce().identity, task } })
    expect(brief(await connector.call(of("a")))).toEqual({ class: "done" })
    gate.shut()
    await until(async () => (await connector.call(of("b"))).class === "not_executed")
    gate.open()
    expect(brief(await connector.call(of("c")))).toEqual({ class: "done" })
    expect(await stored()).toBe(2)
  })

  describe("with a reply", () => {
    const ask = (parts: Partial<CallRequest> = {}) => announce({ reply: { timeout: 10_000 } }, parts)

    const paid = reply('{"paid": 9007199254740993}', { "content-type": "application/json" })

    test("is the reply, with every digit", async () => {
      await consume(paid)
      expect(await connectorTo().call(ask())).toMatchObject({
        class: "done",
        output: { paid: "9007199254740993" },
      })
    })

    test("35: that comes before the server's word for the message is not lost", async () => {
      const proxy = await startFrameProxy(server.port, NATS_ACKS)
      cleanups.push(() => proxy.close())
      await consume(paid)
      expect(await connectorTo({ port: proxy.port }).call(ask())).toMatchObject({
        class: "done",
        output: { paid: "9007199254740993" },
      })
      await until(() => proxy.kept === 1)
    })

    test.each([
      [{ "x-holdfast-result": "REJECTED" }, { class: "refused", code: "reply_rejected" }],
      [{ "X-Holdfast-Result": "ongoing" }, { class: "ongoing", code: "reply_ongoing" }],
      [{ "x-holdfast-result": "sorry" }, { class: "unknown", code: "response_unreadable" }],
    ])("that says %j", async (headers, expected) => {
      await consume(reply("{}", headers))
      expect(brief(await connectorTo().call(ask()))).toEqual(expected)
    })

    test("that answers another message is not taken for its own, and none in time is unknown", async () => {
      await consume(reply("{}", { "correlation-id": "another" }))
      const verdict = await connectorTo().call(announce({ reply: { timeout: 300 } }))
      expect(brief(verdict)).toEqual({ class: "unknown", code: "reply_timeout" })
    })

    test("that is lost with the connection, or not waited for, is unknown", async () => {
      const seen = await consume()
      const connector = connectorTo({ port: gate.port })
      const lost = connector.call(ask())
      await until(async () => seen.length === 1 && (await stored()) === 1)
      gate.shut()
      expect(brief(await lost)).toEqual({ class: "unknown", code: "connection_lost" })
      gate.open()
      const controller = new AbortController()
      const stopped = connector.call(ask({ signal: controller.signal }))
      await until(() => seen.length === 2)
      controller.abort(new AttemptAborted("attempt_cancelled", "over"))
      expect(brief(await stopped)).toEqual({ class: "unknown", code: "attempt_cancelled" })
    })
  })
})
