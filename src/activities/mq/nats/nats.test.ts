/** What no healthy server does: the rows of the transactions reference, 6.4, over a socket that misbehaves. */
import type { Socket } from "node:net"
import { afterEach, describe, expect, test } from "vitest"
import type { NatsConnection } from "../../../contract/connections.ts"
import { AttemptAborted, type CallRequest, type Connector } from "../../call.ts"
import {
  brief,
  closedPort,
  connectionsOf,
  createCall,
  localGuard,
  secretsOf,
  startTcp,
  until,
} from "../../calls.testsuite.ts"
import { createMqConnector } from "../connector.ts"

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

interface Publish {
  socket: Socket
  /** Where the header `reply-to` wants a consumer's reply. */
  replyTo: string
  /** Sends to the address of the server's word, or to `subject`. */
  answer: (body: string, subject?: string) => void
}

interface Script {
  info?: object
  /** Instead of the answer to the first PING. */
  onConnect?: (socket: Socket) => void
  onPublish?: (publish: Publish) => void
}

/** Speaks just enough NATS to answer as a test says. */
async function start({ info = {}, onConnect, onPublish }: Script = {}) {
  const connections: Socket[] = []
  const published: Publish[] = []
  const server = await startTcp((socket) => {
    connections.push(socket)
    const facts = {
      server_id: "x",
      version: "2.10.0",
      proto: 1,
      headers: true,
      max_payload: 1_048_576,
      ...info,
    }
    socket.write(`INFO ${JSON.stringify(facts)}\r\n`)
    const subscriptions = new Map<string, string>()
    let text = ""
    const answerTo = (body: string, subject: string): void => {
      for (const [id, pattern] of subscriptions)
        if (pattern === subject || (pattern.endsWith("*") && subject.startsWith(pattern.slice(0, -1))))
          socket.write(`MSG ${subject} ${id} ${body.length}\r\n${body}\r\n`)
    }
    const onPub = (head: string[], payload: string): void => {
      const replyTo = /reply-to: (\S+)/i.exec(payload)?.[1] ?? ""
      const answer = (body: string, subject = head[2] ?? "") => answerTo(body, subject)
      const publish = { socket, replyTo, answer }
      published.push(publish)
      onPublish?.(publish)
    }
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1")
      for (let end = text.indexOf("\r\n"); end >= 0; end = text.indexOf("\r\n")) {
        const head = text.slice(0, end).split(" ")
        if (head[0] === "HPUB") {
          const size = Number(head.at(-1))
          if (text.length < end + 4 + size) return
          const payload = text.slice(end + 2, end + 2 + size)
          text = text.slice(end + 4 + size)
          onPub(head, payload)
          continue
        }
        text = text.slice(end + 2)
        if (head[0] === "SUB") subscriptions.set(head.at(-1) ?? "", head[1] ?? "")
        if (head[0] === "UNSUB") subscriptions.delete(head[1] ?? "")
        if (head[0] === "PING") {
          if (onConnect) onConnect(socket)
          else socket.write("PONG\r\n")
        }
      }
    })
  })
  cleanups.push(() => server.close())
  return { ...server, connections, published }
}

function connectorTo(port: number, more: Partial<NatsConnection> = {}): Connector {
  const connector = createMqConnector({
    connections: connectionsOf({ name: "events", kind: "nats", host: "127.0.0.1", port, ...more }),
    secrets: secretsOf({}),
    guard: localGuard,
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
const stored = '{"stream":"ORDERS","seq":1}'
const refusal = (code: number, description = "no") =>
  JSON.stringify({ error: { code: 400, err_code: code, description } })
const sends =
  (body: string) =>
  ({ answer }: Publish) =>
    answer(body)

describe("JetStream", () => {
  test.each<[string, (publish: Publish) => void, string, string | undefined]>([
    ["an acknowledgement", sends(stored), "done", undefined],
    ["10039, no JetStream for the account", sends(refusal(10_039)), "misconfigured", "JETSTREAM_10039"],
    ["10076, no JetStream", sends(refusal(10_076)), "misconfigured", "JETSTREAM_10076"],
    ["10054, too large", sends(refusal(10_054)), "misconfigured", "JETSTREAM_10054"],
    ["10059, no stream", sends(refusal(10_059)), "misconfigured", "JETSTREAM_10059"],
    ["10060, another stream", sends(refusal(10_060)), "misconfigured", "JETSTREAM_10060"],
    ["10002, the account is full", sends(refusal(10_002)), "not_executed", "JETSTREAM_10002"],
    ["10008, away", sends(refusal(10_008)), "not_executed", "JETSTREAM_10008"],
    ["10009, no leader", sends(refusal(10_009)), "not_executed", "JETSTREAM_10009"],
    ["10023, no resources", sends(refusal(10_023)), "not_executed", "JETSTREAM_10023"],
    ["10047, no storage", sends(refusal(10_047)), "not_executed", "JETSTREAM_10047"],
    [
      "10077, too many messages",
      sends(refusal(10_077, "maximum messages exceeded")),
      "not_executed",
      "JETSTREAM_10077",
    ],
    [
      "10077, too many bytes",
      sends(refusal(10_077, "maximum bytes exceeded")),
      "not_executed",
      "JETSTREAM_10077",
    ],
    ["10077, a failed disk", sends(refusal(10_077, "write error")), "unknown", "JETSTREAM_10077"],
    ["a code that nobody knows", sends(refusal(19_999)), "unknown", "JETSTREAM_19999"],
    ["an answer without a stream", sends("{}"), "unknown", "NATS_ACK_INVALID"],
    ["an answer that is no JSON", sends("hello"), "unknown", "NATS_ACK_INVALID"],
    ["a cut", ({ socket }) => void socket.destroy(), "unknown", "connection_lost"],
    ["an end", ({ socket }) => void socket.end(), "unknown", "connection_lost"],
    [
      "a login that ran out",
      ({ socket }) => void socket.end("-ERR 'User Authentication Expired'\r\n"),
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

  test.each<[string, Script, string, string]>([
    [
      "a refused login",
      { onConnect: (socket) => void socket.end("-ERR 'Authorization Violation'\r\n") },
      "misconfigured",
      "NATS_AUTHORIZATION",
    ],
    ["a cut", { onConnect: (socket) => void socket.destroy() }, "not_executed", "connection_lost"],
  ])("a connection that ends with %s", async (_, script, found, code) => {
    const { port } = await start(script)
    expect(brief(await connectorTo(port).call(announce()))).toEqual({ class: found, code })
  })

  test("a closed port is not_executed", async () => {
    const connector = connectorTo(await closedPort())
    expect(brief(await connector.call(announce()))).toEqual({ class: "not_executed", code: "ECONNREFUSED" })
  })

  test("no acknowledgement in time is unknown, and the next attempt gets a new connection", async () => {
    const server = await start({ onPublish: ({ answer }) => server.published.length > 1 && answer(stored) })
    const connector = connectorTo(server.port)
    const controller = new AbortController()
    const ended = connector.call(announce({ signal: controller.signal }))
    await until(() => server.published.length === 1)
    controller.abort(new AttemptAborted("attempt_timeout", "over"))
    expect(brief(await ended)).toEqual({ class: "unknown", code: "attempt_timeout" })
    expect(brief(await connector.call(announce()))).toEqual({ class: "done" })
    expect(server.connections).toHaveLength(2)
    await until(() => server.connections[0]?.destroyed === true)
  })

  test("never comes back by itself, follows no other address, and never publishes again what was left unanswered", async () => {
    const other = await start()
    const server = await start({
      info: { connect_urls: [`127.0.0.1:${other.port}`] },
      onPublish: ({ socket }) => void socket.destroy(),
    })
    expect((await connectorTo(server.port).call(announce())).class).toBe("unknown")
    // Longer than the client library's own delay before it reconnects, 2 s and a little.
    await new Promise((resolve) => setTimeout(resolve, 2_300))
    expect(server.connections).toHaveLength(1)
    expect(other.connections).toHaveLength(0)
    expect(server.published).toHaveLength(1)
  })

  test("35: takes a reply that comes before the acknowledgement", async () => {
    const { port } = await start({ onPublish: ({ answer, replyTo }) => answer('{"ok":true}', replyTo) })
    const verdict = await connectorTo(port).call(announce({}, { reply: { timeout: 60_000 } }))
    expect(verdict).toMatchObject({ class: "done", output: { ok: true } })
  })

  test("refuses what it cannot publish", async () => {
    const call = (config: object) => connectorTo(1).call(announce({}, config))
    for (const topic of ["a b", "a.*", "a.>", "a..b", ".a", "a.", "$SYS.x"])
      await expect(call({ topic }), topic).rejects.toMatchObject({ code: "topic_invalid" })
    for (const headers of [{ "Nats-Msg-Id": "mine" }, { "a b": "1" }])
      await expect(call({ headers })).rejects.toMatchObject({ code: "header_invalid" })
    const locked = connectorTo(1, { token_secret: "none" }).call(announce())
    await expect(locked).rejects.toMatchObject({ code: "secret_missing" })
  })
})
