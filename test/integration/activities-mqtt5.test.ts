/** MQTT 5 on a real broker. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import path from "node:path"
import { connectAsync, type IPublishPacket, type MqttClient } from "mqtt"
import { afterEach, describe, expect, test } from "vitest"
import type { CallRequest, Connector } from "../../src/activities/call.ts"
import {
  brief,
  closedPort,
  connectionsOf,
  createCall,
  localGuard,
  secretsOf,
  until,
} from "../../src/activities/calls.testsuite.ts"
import { createMqConnector } from "../../src/activities/mq/connector.ts"
import type { MqttConnection } from "../../src/contract/connections.ts"
import { findOptionalServer } from "../helpers/optional-server.ts"

const mosquitto = findOptionalServer("mosquitto")
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

interface Broker {
  port: number
  process: ChildProcess
  kill(): Promise<void>
}

async function startBroker({
  port,
  settings = ["allow_anonymous true"],
}: { port?: number; settings?: string[] } = {}): Promise<Broker> {
  const chosen = port ?? (await closedPort())
  const directory = mkdtempSync(path.join(tmpdir(), "holdfast-mosquitto-"))
  // As root it would become another user, who cannot read here.
  chmodSync(directory, 0o755)
  const [config, acl] = [path.join(directory, "mosquitto.conf"), path.join(directory, "acl")]
  writeFileSync(acl, "topic readwrite orders/#\ntopic deny forbidden/#\ntopic readwrite holdfast/replies/#\n")
  chmodSync(acl, 0o700)
  writeFileSync(
    config,
    [`listener ${chosen} 127.0.0.1`, "user root", `acl_file ${acl}`, "persistence false", ...settings].join(
      "\n",
    ),
  )
  const broker = spawn(mosquitto ?? "mosquitto", ["-c", config], { stdio: "ignore" })
  const kill = async () => {
    if (broker.exitCode === null && broker.signalCode === null) {
      broker.kill("SIGKILL")
      await once(broker, "exit")
    }
    rmSync(directory, { recursive: true, force: true })
  }
  cleanups.push(kill)
  await until(() => canConnect(chosen))
  return { port: chosen, process: broker, kill }
}

async function canConnect(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1")
  try {
    await once(socket, "connect")
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

function connectorTo(port: number, more: Partial<MqttConnection> = {}): Connector {
  const connector = createMqConnector({
    connections: connectionsOf({ name: "events", kind: "mqtt", host: "127.0.0.1", port, ...more }),
    secrets: secretsOf({ broker: "wrong" }),
    guard: localGuard,
  })
  cleanups.push(() => connector.close())
  return connector
}

const announce = (config: object = {}, parts: Partial<CallRequest> = {}) =>
  createCall({
    config: { connection: "events", topic: "orders/paid", ...config },
    input: { order_id: "o1" },
    ...parts,
  })

describe.skipIf(mosquitto === undefined)("MQTT 5 on Mosquitto", () => {
  test("delivers the input with the event's attributes, and notes when nobody listens", async () => {
    const { port } = await startBroker()
    const connector = connectorTo(port)
    const alone = await connector.call(announce())
    expect(alone).toMatchObject({ class: "done", note: "the broker has no matching subscribers" })
    const subscriber = await connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 5 })
    cleanups.push(() => subscriber.endAsync(true))
    const packets: IPublishPacket[] = []
    subscriber.on("message", (_topic, _payload, packet) => void packets.push(packet))
    await subscriber.subscribeAsync("orders/#", { qos: 1 })
    const request = announce({ headers: { region: "eu" } })
    const heard = await connector.call(request)
    expect(heard).toMatchObject({ class: "done", output: { message_id: request.key, topic: "orders/paid" } })
    expect(heard).not.toHaveProperty("note")
    await until(() => packets.length === 1)
    expect(JSON.parse(String(packets[0]?.payload))).toEqual({ order_id: "o1" })
    expect(packets[0]).toMatchObject({
      qos: 1,
      properties: {
        contentType: "application/json",
        userProperties: expect.objectContaining({
          id: request.key,
          "ce-id": request.key,
          holdfasttask: "pay",
          region: "eu",
        }),
      },
    })
    expect(String(packets[0]?.properties?.correlationData)).toBe(request.key)
  })

  test("a header that is too long for a packet harms no other message on the connection", async () => {
    const { port } = await startBroker()
    const connector = connectorTo(port)
    const withHeader = (length: number) => connector.call(announce({ headers: { note: "x".repeat(length) } }))
    const [first, tooLong, last] = await Promise.allSettled([
      withHeader(65_535),
      withHeader(65_536),
      withHeader(1),
    ])
    for (const end of [first, last]) expect(end).toMatchObject({ value: { class: "done" } })
    expect(tooLong).toMatchObject({ reason: { code: "header_invalid" } })
  })

  test("a topic that the broker denies is misconfigured", async () => {
    const { port } = await startBroker()
    expect(brief(await connectorTo(port).call(announce({ topic: "forbidden/x" })))).toEqual({
      class: "misconfigured",
      code: "MQTT_PUBACK_0x87",
    })
  })

  test("a login that the broker denies is misconfigured", async () => {
    const { port } = await startBroker({ settings: ["allow_anonymous false"] })
    const login = { username: "app", password_secret: "broker" }
    expect(brief(await connectorTo(port, login).call(announce()))).toEqual({
      class: "misconfigured",
      code: "MQTT_CONNACK_0x87",
    })
  })

  test("a broker that is killed before its answer leaves the outcome unknown, and is found again", async () => {
    const broker = await startBroker()
    const connector = connectorTo(broker.port)
    expect((await connector.call(announce())).class).toBe("done")
    broker.process.kill("SIGSTOP")
    const ended = connector.call(announce())
    await broker.kill()
    expect(brief(await ended)).toEqual({ class: "unknown", code: "connection_lost" })
    await startBroker({ port: broker.port })
    expect((await connector.call(announce())).class).toBe("done")
  })

  test("3.1.1 works on the same broker", async () => {
    const { port } = await startBroker()
    expect((await connectorTo(port, { protocol: "3.1.1" }).call(announce())).class).toBe("done")
  })

  describe("with a reply", () => {
    const ask = (parts: Partial<CallRequest> = {}) => announce({ reply: { timeout: 10_000 } }, parts)

    /** A consumer of `orders/#` that answers by `answer`; the messages it saw. */
    async function consume(
      port: number,
      answer: (packet: IPublishPacket, client: MqttClient) => void = () => {},
    ) {
      const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 5 })
      cleanups.push(() => client.endAsync(true))
      const seen: IPublishPacket[] = []
      client.on("message", (_topic, _payload, packet) => {
        seen.push(packet)
        answer(packet, client)
      })
      await client.subscribeAsync("orders/#", { qos: 1 })
      return seen
    }

    const reply =
      (body: string, userProperties: Record<string, string> = { from: "a consumer" }, correlation?: string) =>
      ({ properties }: IPublishPacket, client: MqttClient) => {
        const correlationData =
          correlation === undefined ? properties?.correlationData : Buffer.from(correlation)
        client.publish(properties?.responseTopic ?? "", body, {
          qos: 1,
          properties: { userProperties, ...(correlationData ? { correlationData } : {}) },
        })
      }

    test("is the reply, with every digit", async () => {
      const { port } = await startBroker()
      await consume(port, reply('{"paid": 9007199254740993}'))
      expect(await connectorTo(port).call(ask())).toMatchObject({
        class: "done",
        output: { paid: "9007199254740993" },
      })
    })

    test("that says so is a refusal, and one to another message is not taken for its own", async () => {
      const { port } = await startBroker()
      const connector = connectorTo(port)
      await consume(port, (packet, client) => {
        reply("{}", undefined, "another")(packet, client)
        reply("{}", { "X-Holdfast-Result": "rejected" })(packet, client)
      })
      expect(brief(await connector.call(ask()))).toEqual({ class: "refused", code: "reply_rejected" })
    })

    test("that does not come in time, or is lost with the connection, is unknown", async () => {
      const broker = await startBroker()
      const connector = connectorTo(broker.port)
      const seen = await consume(broker.port)
      expect(brief(await connector.call(announce({ reply: { timeout: 100 } })))).toEqual({
        class: "unknown",
        code: "reply_timeout",
      })
      const lost = connector.call(ask())
      await until(() => seen.length === 2)
      await broker.kill()
      expect(brief(await lost)).toEqual({ class: "unknown", code: "connection_lost" })
    })

    test("that nobody is there to give is not_executed", async () => {
      const { port } = await startBroker()
      expect(brief(await connectorTo(port).call(ask()))).toEqual({
        class: "not_executed",
        code: "MQTT_PUBACK_0x10",
      })
    })

    test("needs MQTT 5", async () => {
      const { port } = await startBroker()
      await expect(connectorTo(port, { protocol: "3.1.1" }).call(ask())).rejects.toMatchObject({
        code: "reply_unsupported",
      })
    })
  })
})
