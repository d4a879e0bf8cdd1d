/** What no healthy broker does: the rows of the transactions reference, 6.4, over a socket that misbehaves. */
import type { Socket } from "node:net"
import { afterEach, describe, expect, test } from "vitest"
import type { RabbitmqConnection } from "../../../contract/connections.ts"
import { AttemptAborted, type CallRequest, type Connector } from "../../call.ts"
import {
  brief,
  closedGuard,
  closedPort,
  connectionsOf,
  createCall,
  localGuard,
  secretsOf,
  until,
} from "../../calls.testsuite.ts"
import { createMqConnector } from "../connector.ts"
import {
  ack,
  blocked,
  channelClose,
  connectionClose,
  nack,
  type Publish,
  type ScriptedBroker,
  send,
  sendReply,
  sendReturn,
  startScriptedBroker,
  unblocked,
} from "./scripted-broker.testsuite.ts"

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function start(script?: Parameters<typeof startScriptedBroker>[0]): Promise<ScriptedBroker> {
  const broker = await startScriptedBroker(script)
  cleanups.push(() => broker.close())
  return broker
}

function connectorTo(port: number, more: Partial<RabbitmqConnection> = {}, guard = localGuard): Connector {
  const at = { host: "127.0.0.1", port, username: "app", password_secret: "rabbit" }
  const connector = createMqConnector({
    connections: connectionsOf({ name: "events", kind: "rabbitmq", ...at, ...more }),
    secrets: secretsOf({ rabbit: "s3cret" }),
    guard,
  })
  cleanups.push(() => connector.close())
  return connector
}

const announce = (parts: Partial<CallRequest> = {}, config: object = {}) =>
  createCall({
    config: { connection: "events", topic: "paid", ...config },
    input: { order_id: "o1" },
    ...parts,
  })
const key = announce().key

describe("RabbitMQ", () => {
  test.each<[string, (publish: Publish) => void, string, string | undefined]>([
    ["a confirm", ({ answer }) => answer(ack), "done", undefined],
    ["a nack", ({ answer }) => answer(nack), "unknown", "AMQP_NACK"],
    [
      "a return and its confirm",
      (publish) => {
        sendReturn(publish, key, 312)
        publish.answer(ack)
      },
      "misconfigured",
      "AMQP_312",
    ],
    [
      "another message's return and a confirm",
      (publish) => {
        sendReturn(publish, "another", 312)
        publish.answer(ack)
      },
      "done",
      undefined,
    ],
    ["a channel closed with 311", ({ answer }) => answer(channelClose(311)), "misconfigured", "AMQP_311"],
    ["a channel closed with 403", ({ answer }) => answer(channelClose(403)), "misconfigured", "AMQP_403"],
    ["a channel closed with 404", ({ answer }) => answer(channelClose(404)), "misconfigured", "AMQP_404"],
    ["a channel closed with 406", ({ answer }) => answer(channelClose(406)), "misconfigured", "AMQP_406"],
    ["a channel closed with 405", ({ answer }) => answer(channelClose(405)), "unknown", "AMQP_405"],
    ["a channel closed with 541", ({ answer }) => answer(channelClose(541)), "unknown", "AMQP_541"],
    ["a cut", ({ socket }) => void socket.destroy(), "unknown", "connection_lost"],
    ["an end", ({ socket }) => void socket.end(), "unknown", "connection_lost"],
    ["a closed connection", ({ socket }) => send(socket, connectionClose(320)), "unknown", "connection_lost"],
    [
      "no AMQP",
      ({ socket }) => void socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"),
      "unknown",
      "connection_lost",
    ],
  ])("%s after the message", async (_, onPublish, expected, code) => {
    const { port } = await start({ onPublish })
    const connector = connectorTo(port)
    const wanted = { class: expected, ...(code === undefined ? {} : { code }) }
    expect(brief(await connector.call(announce()))).toEqual(wanted)
    expect(brief(await connector.call(announce()))).toEqual(wanted)
  })

  test.each<[string, (socket: Socket) => void, string, string]>([
    ["402", (socket) => send(socket, connectionClose(402)), "misconfigured", "AMQP_402"],
    ["403", (socket) => send(socket, connectionClose(403)), "misconfigured", "AMQP_403"],
    ["530", (socket) => send(socket, connectionClose(530)), "misconfigured", "AMQP_530"],
    ["320", (socket) => send(socket, connectionClose(320)), "not_executed", "AMQP_320"],
    ["541", (socket) => send(socket, connectionClose(541)), "not_executed", "AMQP_541"],
    ["a cut", (socket) => void socket.destroy(), "not_executed", "CONN_CLOSE"],
  ])("a connection refused with %s", async (_, onOpen, found, code) => {
    const { port } = await start({ onOpen })
    expect(brief(await connectorTo(port).call(announce()))).toEqual({ class: found, code })
  })

  test("a closed port is not_executed", async () => {
    const connector = connectorTo(await closedPort())
    expect(brief(await connector.call(announce()))).toEqual({ class: "not_executed", code: "ECONNREFUSED" })
  })

  test("a guarded address is misconfigured, and nothing is dialled", async () => {
    const broker = await start()
    for (const host of ["127.0.0.1", "localhost", "2130706433"])
      expect(brief(await connectorTo(broker.port, { host }, closedGuard).call(announce())), host).toEqual({
        class: "misconfigured",
        code: "address_blocked",
      })
    expect(broker.connections).toHaveLength(0)
  })

  test("a broker that says nothing is not_executed when the attempt ends", async () => {
    const { port, connections } = await start({ onOpen: () => undefined })
    const controller = new AbortController()
    const ended = connectorTo(port).call(announce({ signal: controller.signal }))
    await until(() => connections.length === 1)
    controller.abort(new AttemptAborted("attempt_timeout", "over"))
    expect(brief(await ended)).toEqual({ class: "not_executed", code: "attempt_timeout" })
  })

  test("a confirm that does not come in time is unknown, and the next attempt gets a new connection", async () => {
    const broker = await start({
      onPublish: ({ answer }) => broker.published.length > 2 && answer(ack),
    })
    const connector = connectorTo(broker.port)
    const slow = connector.call(announce())
    await until(() => broker.published.length === 1)
    const controller = new AbortController()
    const ended = connector.call(announce({ signal: controller.signal }))
    await until(() => broker.published.length === 2)
    controller.abort(new AttemptAborted("attempt_timeout", "over"))
    expect(brief(await ended)).toEqual({ class: "unknown", code: "attempt_timeout" })
    expect(brief(await connector.call(announce()))).toEqual({ class: "done" })
    expect(broker.connections).toHaveLength(2)
    // What was on its way beside it was left alone, and the old connection ends with it.
    broker.published[0]?.answer(ack)
    expect(brief(await slow)).toEqual({ class: "done" })
    await until(() => broker.connections[0]?.destroyed === true)
  })

  test("an attempt that is cancelled leaves the connection to the others", async () => {
    const broker = await start({ onPublish: ({ answer }) => broker.published.length > 1 && answer(ack) })
    const connector = connectorTo(broker.port)
    const controller = new AbortController()
    const ended = connector.call(announce({ signal: controller.signal }))
    await until(() => broker.published.length === 1)
    controller.abort(new AttemptAborted("attempt_cancelled", "over"))
    expect(brief(await ended)).toEqual({ class: "unknown", code: "attempt_cancelled" })
    expect(brief(await connector.call(announce()))).toEqual({ class: "done" })
    expect(broker.connections).toHaveLength(1)
  })

  test("never comes back by itself, and never publishes again what was left unanswered", async () => {
    const broker = await start({ onPublish: ({ socket }) => void socket.destroy() })
    expect((await connectorTo(broker.port).call(announce())).class).toBe("unknown")
    // Longer than the client library's own delay before it reconnects, 1 to 2 s.
    await new Promise((resolve) => setTimeout(resolve, 2_200))
    expect(broker.connections).toHaveLength(1)
    expect(broker.published).toHaveLength(1)
  })

  test("while the broker blocks the connection nothing is published, then or later", async () => {
    const broker = await start({ onPublish: ({ answer }) => answer(ack) })
    const connector = connectorTo(broker.port)
    expect((await connector.call(announce())).class).toBe("done")
    const [socket] = broker.connections
    if (socket === undefined) throw new Error("no connection")
    send(socket, blocked)
    await until(async () => (await connector.call(announce())).class === "not_executed")
    const before = broker.published.length
    const refused = { class: "not_executed", code: "connection_blocked" }
    expect(brief(await connector.call(announce()))).toEqual(refused)
    send(socket, unblocked)
    await until(async () => (await connector.call(announce())).class === "done")
    expect(broker.published).toHaveLength(before + 1)
  })

  test("a connection that is blocked after the message waits for its confirm", async () => {
    const broker = await start({
      onPublish: ({ socket, answer }) =>
        broker.published.length === 1 ? send(socket, blocked) : answer(ack),
    })
    const connector = connectorTo(broker.port)
    const ended = connector.call(announce())
    await until(async () => (await connector.call(announce())).class === "not_executed")
    broker.published[0]?.answer(ack)
    expect(brief(await ended)).toEqual({ class: "done" })
  })

  test("keeps one channel for messages one after another, and one connection for many at once", async () => {
    const broker = await start({ onPublish: ({ answer }) => answer(ack) })
    const connector = connectorTo(broker.port)
    for (let count = 0; count < 5; count++) await connector.call(announce())
    expect(new Set(broker.published.map(({ channel }) => channel)).size).toBe(1)
    await Promise.all(Array.from({ length: 20 }, () => connector.call(announce())))
    expect(broker.connections).toHaveLength(1)
  })

  test("35: takes a reply that comes before the confirm", async () => {
    const { port } = await start({ onPublish: (publish) => sendReply(publish, key, '{"ok":true}') })
    const verdict = await connectorTo(port).call(announce({}, { reply: { timeout: 60_000 } }))
    expect(verdict).toMatchObject({ class: "done", output: { ok: true } })
  })

  test("refuses what it cannot publish before it dials", async () => {
    const broker = await start()
    const call = (config: object) => connectorTo(broker.port).call(announce({}, config))
    await expect(call({ topic: "x".repeat(256) })).rejects.toMatchObject({ code: "topic_invalid" })
    await expect(call({ topic: "" })).rejects.toMatchObject({ code: "topic_invalid" })
    await expect(call({ headers: { ["x".repeat(256)]: "1" } })).rejects.toMatchObject({
      code: "header_invalid",
    })
    await expect(call({ reply: {} })).rejects.toMatchObject({ code: "reply_invalid" })
    const locked = connectorTo(broker.port, { password_secret: "none" }).call(announce())
    await expect(locked).rejects.toMatchObject({ code: "secret_missing" })
    expect(broker.connections).toHaveLength(0)
  })
})
