import type { Socket } from "node:net"
import { createServer } from "node:net"
import { once } from "node:events"
import { Aedes, type AedesPublishPacket } from "aedes"
import { afterEach, describe, expect, test } from "vitest"
import type { MqttConnection } from "../../../contract/connections.ts"
import { AttemptAborted, type CallRequest, type Connector } from "../../call.ts"
import {
  brief,
  closedGuard,
  closedPort,
  connectionsOf,
  createCall,
  localGuard,
  secretsOf,
  startTcp,
  until,
} from "../../calls.testsuite.ts"
import { createMqConnector } from "../connector.ts"
import { toEvent } from "../event.ts"
import { createMqttLink } from "./link.ts"
import { encodeMqtt } from "./message.ts"

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** MQTT 3.1.1, in this process. */
async function startAedes(port = 0) {
  const broker = await Aedes.createBroker()
  const server = createServer(broker.handle)
  const published: AedesPublishPacket[] = []
  broker.on("publish", (packet, client) => void (client && published.push(packet)))
  server.listen(port, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("no port")
  const stop = async () => {
    await new Promise<void>((resolve) => broker.close(resolve))
    server.close()
  }
  cleanups.push(stop)
  return { broker, published, port: address.port, stop }
}

/** Speaks just enough MQTT to answer as a test says: CONNACK first, then `onPublish` with the packet's id. */
async function startScripted(
  connack: number[],
  onPublish: (socket: Socket, id: [number, number]) => void = () => {},
) {
  const server = await startTcp((socket) => {
    let buffer = Buffer.alloc(0)
    socket.on("data", (chunk: Buffer) => {
      buffer = Buffer.concat([buffer, chunk])
      for (let packet = takePacket(); packet; packet = takePacket()) {
        if (packet.type === 1) socket.write(Buffer.from(connack))
        if (packet.type !== 3) continue
        const at = 2 + packet.body.readUInt16BE(0)
        onPublish(socket, [packet.body[at] ?? 0, packet.body[at + 1] ?? 0])
      }
    })
    const takePacket = () => {
      let length = 0
      for (let index = 1; index < Math.min(buffer.length, 5); index++) {
        const byte = buffer[index] ?? 0
        length += (byte & 127) << (7 * (index - 1))
        if (byte >= 128) continue
        if (buffer.length < index + 1 + length) return undefined
        const type = (buffer[0] ?? 0) >> 4
        const body = buffer.subarray(index + 1, index + 1 + length)
        buffer = buffer.subarray(index + 1 + length)
        return { type, body }
      }
      return undefined
    }
  })
  cleanups.push(() => server.close())
  return server
}

const WELCOME = [0x20, 3, 0, 0, 0]
const answerWith = (reason: number) => (socket: Socket, id: [number, number]) =>
  void socket.write(Buffer.from([0x40, 3, ...id, reason]))

function connectorTo(port: number, more: Partial<MqttConnection> = {}, guard = localGuard): Connector {
  const connection = { name: "events", kind: "mqtt", host: "127.0.0.1", port, ...more } as const
  const connector = createMqConnector({
    connections: connectionsOf(connection),
    secrets: secretsOf({ broker: "s3cret-broker" }),
    guard,
  })
  cleanups.push(() => connector.close())
  return connector
}

const announce = (parts: Partial<CallRequest> = {}) =>
  createCall({ config: { connection: "events", topic: "orders/paid" }, input: { order_id: "o1" }, ...parts })

describe("MQTT 3.1.1", () => {
  test("is done when the broker has the message, a CloudEvent under the key", async () => {
    const { port, published } = await startAedes()
    const request = announce()
    const verdict = await connectorTo(port, { protocol: "3.1.1" }).call(request)
    expect(verdict).toMatchObject({
      class: "done",
      output: { message_id: request.key, topic: "orders/paid" },
    })
    expect(verdict.evidence.peer).toBe(`127.0.0.1:${port}`)
    expect(published).toHaveLength(1)
    expect(published[0]).toMatchObject({ topic: "orders/paid", qos: 1, retain: false })
    expect(JSON.parse(String(published[0]?.payload))).toMatchObject({
      id: request.key,
      data: { order_id: "o1" },
    })
  })

  test("keeps one connection for many messages", async () => {
    const { broker, port } = await startAedes()
    let connected = 0
    broker.on("client", () => connected++)
    const connector = connectorTo(port, { protocol: "3.1.1" })
    const verdicts = await Promise.all(Array.from({ length: 20 }, () => connector.call(announce())))
    expect(verdicts.every((verdict) => verdict.class === "done")).toBe(true)
    expect(connected).toBe(1)
  })

  test("a broker that cuts the connection before its answer leaves the outcome unknown, and the next attempt finds a new one", async () => {
    const { broker, port, published } = await startAedes()
    let refuse = true
    broker.authorizePublish = (_client, _packet, callback) => {
      callback(refuse ? new Error("not allowed") : null)
      refuse = false
    }
    const connector = connectorTo(port, { protocol: "3.1.1" })
    expect(brief(await connector.call(announce()))).toEqual({ class: "unknown", code: "connection_lost" })
    expect(brief(await connector.call(announce()))).toEqual({ class: "done" })
    expect(published).toHaveLength(1)
  })

  test("never publishes again by itself what was left unanswered", async () => {
    const { broker, port } = await startAedes()
    let seen = 0
    broker.authorizePublish = (client, _packet, callback) => {
      seen++
      if (seen === 1) client?.close()
      else callback(null)
    }
    const connector = connectorTo(port, { protocol: "3.1.1" })
    const unanswered = announce({ identity: { ...announce().identity, task: "first" } })
    expect((await connector.call(unanswered)).class).toBe("unknown")
    // Long enough for a client that comes back by itself.
    await new Promise((resolve) => setTimeout(resolve, 150))
    expect(seen).toBe(1)
    expect((await connector.call(announce())).class).toBe("done")
    expect(seen).toBe(2)
  })

  test("a closed port is not_executed, and a broker that came up is found", async () => {
    const port = await closedPort()
    const connector = connectorTo(port, { protocol: "3.1.1" })
    expect(brief(await connector.call(announce()))).toEqual({ class: "not_executed", code: "ECONNREFUSED" })
    await startAedes(port)
    expect(brief(await connector.call(announce()))).toEqual({ class: "done" })
  })

  test("a broker that restarts between two messages is found again", async () => {
    const first = await startAedes()
    const connector = connectorTo(first.port, { protocol: "3.1.1" })
    expect((await connector.call(announce())).class).toBe("done")
    await first.stop()
    const second = await startAedes(first.port)
    await until(async () => (await connector.call(announce())).class === "done")
    expect(second.published).toHaveLength(1)
  })

  test("sends user name and password, and a refusal of them is misconfigured", async () => {
    const { broker, port } = await startAedes()
    broker.authenticate = (_client, username, password, done) => {
      const known = username === "app" && String(password) === "s3cret-broker"
      if (known) done(null, true)
      else done(Object.assign(new Error("no"), { returnCode: 4 }), false)
    }
    const login = { protocol: "3.1.1", username: "app", password_secret: "broker" } as const
    expect(brief(await connectorTo(port, login).call(announce()))).toEqual({ class: "done" })
    expect(brief(await connectorTo(port, { ...login, username: "other" }).call(announce()))).toEqual({
      class: "misconfigured",
      code: "MQTT_CONNACK_0x04",
    })
    await expect(
      connectorTo(port, { ...login, password_secret: "none" }).call(announce()),
    ).rejects.toMatchObject({
      code: "secret_missing",
    })
  })
})

describe("MQTT 5", () => {
  test.each([
    [0x00, "done", undefined],
    [0x10, "done", undefined],
    [0x80, "unknown", "MQTT_PUBACK_0x80"],
    [0x83, "unknown", "MQTT_PUBACK_0x83"],
    [0x87, "misconfigured", "MQTT_PUBACK_0x87"],
    [0x90, "misconfigured", "MQTT_PUBACK_0x90"],
    [0x97, "not_executed", "MQTT_PUBACK_0x97"],
    [0x99, "misconfigured", "MQTT_PUBACK_0x99"],
  ])("an acknowledgement with reason %d is %s", async (reason, expected, code) => {
    const { port } = await startScripted(WELCOME, answerWith(reason))
    const verdict = await connectorTo(port).call(announce())
    expect(brief(verdict)).toEqual({ class: expected, ...(code === undefined ? {} : { code }) })
    expect(verdict.evidence.response).toEqual({ reason })
    if (verdict.class === "done")
      expect(verdict.note).toBe(reason === 0x10 ? "the broker has no matching subscribers" : undefined)
  })

  test.each([
    [0x84, "misconfigured"],
    [0x86, "misconfigured"],
    [0x87, "misconfigured"],
    [0x88, "not_executed"],
    [0x89, "not_executed"],
    [0x97, "not_executed"],
  ])("a refused connection with reason %d is %s", async (reason, expected) => {
    const { port } = await startScripted([0x20, 3, 0, reason, 0])
    const code = `MQTT_CONNACK_0x${reason.toString(16).toUpperCase()}`
    expect(brief(await connectorTo(port).call(announce()))).toEqual({ class: expected, code })
  })

  test("a connection that ends before the acknowledgement is unknown", async () => {
    for (const end of [
      (socket: Socket) => socket.destroy(),
      (socket: Socket) => socket.write(Buffer.from([0xe0, 2, 0x8b, 0])),
    ]) {
      const { port } = await startScripted(WELCOME, (socket) => void end(socket))
      expect(brief(await connectorTo(port).call(announce()))).toEqual({
        class: "unknown",
        code: "connection_lost",
      })
    }
  })

  test("a packet that breaks off takes its connection with it, and what is under way is unknown", async () => {
    let arrived = 0
    const { port } = await startScripted(WELCOME, () => void arrived++)
    const link = createMqttLink(
      { name: "events", kind: "mqtt", host: "127.0.0.1", port },
      { guard: localGuard, secrets: secretsOf({}) },
    )
    cleanups.push(() => link.close())
    const { signal } = new AbortController()
    await link.ready(signal)
    const message = encodeMqtt(toEvent(announce()), "5")
    const before = link.send(message, signal)
    await until(() => arrived === 1)
    const properties = { userProperties: { long: "x".repeat(70_000) } }
    const long = link.send({ ...message, options: { qos: 1, properties } }, signal)
    const lost = { ended: "failed", class: "unknown", code: "connection_lost" }
    expect(await long.sent).toMatchObject(lost)
    expect(await before.sent).toMatchObject(lost)
    expect(link.isBroken()).toBe(true)
    expect(await link.send(message, signal).sent).toMatchObject({ ...lost, class: "not_executed" })
    expect(arrived).toBe(1)
  })

  test.each(["attempt_timeout", "attempt_cancelled"] as const)(
    "an acknowledgement that does not come ends with %s, unknown",
    async (code) => {
      let arrived = 0
      const { port } = await startScripted(WELCOME, () => void arrived++)
      const controller = new AbortController()
      const connector = connectorTo(port)
      const ended = connector.call(announce({ signal: controller.signal }))
      await until(() => arrived === 1)
      controller.abort(new AttemptAborted(code, "stopped by the test"))
      expect(brief(await ended)).toEqual({ class: "unknown", code })
    },
  )

  test("a broker that takes the connection and says nothing is not_executed when the attempt ends", async () => {
    const { port } = await startScripted([])
    const controller = new AbortController()
    const ended = connectorTo(port).call(announce({ signal: controller.signal }))
    setTimeout(() => controller.abort(new AttemptAborted("attempt_timeout", "over")), 50)
    expect(brief(await ended)).toEqual({ class: "not_executed", code: "attempt_timeout" })
  })

  test("a guarded address is misconfigured, and nothing is dialled", async () => {
    let dialled = 0
    const server = await startTcp(() => void dialled++)
    cleanups.push(() => server.close())
    for (const host of ["127.0.0.1", "localhost", "2130706433"]) {
      const verdict = await connectorTo(server.port, { host }, closedGuard).call(announce())
      expect(brief(verdict), host).toEqual({ class: "misconfigured", code: "address_blocked" })
    }
    expect(dialled).toBe(0)
  })

  test("refuses what it cannot publish before it dials", async () => {
    const connector = connectorTo(1)
    const call = (config: object) =>
      connector.call(createCall({ config: { connection: "events", ...config } }))
    await expect(call({ topic: "a/#" })).rejects.toMatchObject({ code: "topic_invalid" })
    await expect(call({ topic: "t", headers: [] })).rejects.toMatchObject({ code: "header_invalid" })
    await expect(call({ topic: "t", connection: "none" })).rejects.toMatchObject({
      code: "connection_unknown",
    })
    await expect(call({ topic: "t", connection: undefined })).rejects.toMatchObject({
      code: "connection_missing",
    })
  })
})
