/**
 * Servers that misbehave, byte by byte: what is made of each, and that the request arrived exactly once. Nothing is
 * sent again by a client's own doing, whatever the other end does to the connection.
 */
import type { Socket } from "node:net"
import { gzipSync } from "node:zlib"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { AttemptAborted, type CallRequest, type Connector } from "../call.ts"
import {
  brief,
  connectionsOf,
  createCall,
  localGuard,
  type LocalServer,
  secretsOf,
  startTcp,
  until,
} from "../calls.testsuite.ts"
import { createHttpClient, type HttpClient } from "../outbound/http-client.ts"
import { createRpcConnector } from "../rpc/connector.ts"
import { createHttpConnector } from "./connector.ts"

type Behaviour = (socket: Socket) => void

let behave: Behaviour
let arrived = 0
let server: LocalServer
let client: HttpClient

beforeAll(async () => {
  server = await startTcp((socket) => {
    let received = ""
    socket.on("data", (bytes: Buffer) => {
      received += bytes.toString("latin1")
      const end = received.indexOf("\r\n\r\n")
      const length = Number(/content-length: (\d+)/i.exec(received)?.[1] ?? 0)
      if (end < 0 || received.length < end + 4 + length) return
      received = received.slice(end + 4 + length)
      arrived++
      behave(socket)
    })
  })
})
afterEach(async () => {
  await client.close()
  arrived = 0
})
afterAll(() => server.close())

/** A client of its own: no connection of an earlier test is used. */
function connectorTo(kind: "http" | "http-rpc" | "jsonrpc"): Connector {
  client = createHttpClient(localGuard)
  const secrets = secretsOf()
  const at = { host: "127.0.0.1", port: server.port }
  if (kind !== "http")
    return createRpcConnector({
      connections: connectionsOf({ name: "shop", kind, ...at }),
      secrets,
      guard: localGuard,
      client,
    })
  const base_url = `http://127.0.0.1:${server.port}`
  return createHttpConnector({
    connections: connectionsOf({ name: "shop", kind, base_url }),
    secrets,
    guard: localGuard,
    client,
  })
}

const CONFIG = {
  http: { connection: "shop", url: "/charge", body: { a: 1 } },
  "http-rpc": { service: "shop", method: "charge" },
  jsonrpc: { service: "shop", method: "charge" },
}

const call = (connector: Connector, kind: keyof typeof CONFIG = "http", parts: Partial<CallRequest> = {}) =>
  connector.call(createCall({ config: CONFIG[kind], input: {}, ...parts }))

const lines = (...parts: string[]) => parts.join("\r\n")
const says =
  (...parts: string[]): Behaviour =>
  (socket) =>
    void socket.end(lines(...parts), "latin1")
const OK = "HTTP/1.1 200 OK"
const JSON_TYPE = "content-type: application/json"
const lost = ["unknown", "UND_ERR_SOCKET"] as const
const reset = ["unknown", /^(?:ECONNRESET|UND_ERR_SOCKET)$/] as const
const garbled = ["unknown", "HTTPParserError"] as const
const mismatched = ["unknown", "UND_ERR_RES_CONTENT_LENGTH_MISMATCH"] as const

const TABLE: [name: string, Behaviour, expected: readonly [string, (string | RegExp)?], output?: unknown][] =
  [
    ["ends its side before any byte, and reads on", (socket) => void socket.end(), lost],
    ["resets before any byte", (socket) => void socket.resetAndDestroy(), reset],
    ["ends in the status line", says("HTTP/1.1 20"), lost],
    ["ends in the headers", says(OK, "content-ty"), lost],
    ["ends in a body of known length", says(OK, "content-length: 10", "", "half"), lost],
    [
      "resets in a body",
      (socket) => socket.write(lines(OK, "content-length: 10", "", "half"), () => socket.resetAndDestroy()),
      reset,
    ],
    [
      "sends a wrong size of a chunk",
      says(OK, "transfer-encoding: chunked", "", "zz", "half", "0", "", ""),
      garbled,
    ],
    ["ends in a chunk", says(OK, "transfer-encoding: chunked", "", "a", "half"), lost],
    ["ends between chunks", says(OK, "transfer-encoding: chunked", "", "4", "half", ""), lost],
    ["sends more than it said", says(OK, "content-length: 4", "", "half and more"), ["done"], "half"],
    [
      "sends JSON that is longer than it said",
      says(OK, JSON_TYPE, "content-length: 4", "", '{"a":1}'),
      ["unknown", "response_unreadable"],
    ],
    ["says two lengths", says(OK, "content-length: 4", "content-length: 5", "", "halff"), mismatched],
    [
      "says a length and chunks",
      says(OK, "content-length: 4", "transfer-encoding: chunked", "", "0", "", ""),
      mismatched,
    ],
    ["ends a body of no known length, which is legal", says(OK, "", "whole"), ["done"], "whole"],
    ["speaks HTTP/1.0, which is legal", says("HTTP/1.0 200 OK", "", "whole"), ["done"], "whole"],
    ["speaks HTTP/0.9", says("<html>charged</html>"), garbled],
    ["speaks another protocol", says("SSH-2.0-odd", ""), garbled],
    [
      "answers twice",
      says(OK, "content-length: 3", "", "oneHTTP/1.1 500 No", "content-length: 0", "", ""),
      ["done"],
      "one",
    ],
    // Legal, and not asked for; undici takes no such reply. The call is not lost, it is as one whose reply was.
    ["says 100 first", says("HTTP/1.1 100 Continue", "", OK, "content-length: 2", "", "ok"), lost],
    [
      "says 103 first",
      says("HTTP/1.1 103 Early Hints", "link: </x>", "", OK, "content-length: 2", "", "ok"),
      ["done"],
      "ok",
    ],
    [
      "changes the protocol",
      says("HTTP/1.1 101 Switching Protocols", "upgrade: x", "connection: upgrade", "", ""),
      lost,
    ],
    ["sends a control character in a header", says(OK, "x: a\u0000b", "content-length: 0", "", ""), garbled],
    ["sends a header without a name", says(OK, ": a", "content-length: 0", "", ""), garbled],
    ["sends a status that is none", says("HTTP/1.1 99 Odd", "content-length: 0", "", ""), garbled],
    [
      "sends packed bytes that end too soon",
      (socket) => {
        const packed = gzipSync("x".repeat(10_000)).subarray(0, 20)
        socket.write(lines(OK, "content-encoding: gzip", `content-length: ${packed.length}`, "", ""))
        socket.end(packed)
      },
      ["unknown", "response_unreadable"],
    ],
  ]

describe("15: a server that", () => {
  test.each(TABLE)("%s", async (_name, behaviour, [found, code], output) => {
    behave = behaviour
    const verdict = await call(connectorTo("http"))
    expect(brief(verdict)).toEqual({
      class: found,
      ...(code === undefined ? {} : { code: code instanceof RegExp ? expect.stringMatching(code) : code }),
    })
    if (verdict.class === "done") expect(verdict.output).toEqual(output)
    expect(arrived).toBe(1)
  })

  /** Until the other end has had enough. */
  const pours =
    (head: string, piece: string): Behaviour =>
    (socket) => {
      socket.write(head)
      const pour = (): void => {
        while (!socket.destroyed) if (!socket.write(piece)) return void socket.once("drain", pour)
      }
      pour()
    }

  test.each<[string, Behaviour, object]>([
    [
      "headers without an end",
      pours(`${OK}\r\n`, `x: ${"y".repeat(1_000)}\r\n`),
      { class: "unknown", code: "UND_ERR_HEADERS_OVERFLOW" },
    ],
    [
      "a header without an end",
      pours(`${OK}\r\nx: `, "y".repeat(1_000)),
      { class: "unknown", code: "UND_ERR_HEADERS_OVERFLOW" },
    ],
    [
      "a body without an end",
      pours(`${OK}\r\n\r\n`, "y".repeat(10_000)),
      { class: "misconfigured", code: "response_too_large", left: "executed" },
    ],
    [
      "chunks without an end",
      pours(`${OK}\r\ntransfer-encoding: chunked\r\n\r\n`, `3e8\r\n${"y".repeat(1_000)}\r\n`),
      { class: "misconfigured", code: "response_too_large", left: "executed" },
    ],
    [
      "a body that unpacks to more than the limit",
      (socket) => {
        const packed = gzipSync(Buffer.alloc(60 * 1024 * 1024))
        socket.write(lines(OK, "content-encoding: gzip", `content-length: ${packed.length}`, "", ""))
        socket.end(packed)
      },
      { class: "misconfigured", code: "response_too_large", left: "executed" },
    ],
  ])("pours %s", async (_name, behaviour, expected) => {
    behave = behaviour
    expect(await call(connectorTo("http"))).toMatchObject(expected)
    expect(arrived).toBe(1)
  })

  test.each([
    ["says nothing", ""],
    ["drips its head", `${OK}\r\nx: ${"y".repeat(10_000)}`],
    ["drips its body", `${OK}\r\n\r\n${"y".repeat(10_000)}`],
  ])("%s has the attempt's time, and no more", async (_name, text) => {
    let dripped = 0
    behave = (socket) => {
      const drip = setInterval(() => {
        if (text !== "") socket.write(text.slice(dripped, dripped + 1))
        dripped++
      }, 5)
      socket.on("close", () => clearInterval(drip))
    }
    const controller = new AbortController()
    const ended = call(connectorTo("http"), "http", { signal: controller.signal, budgetMs: 60_000 })
    await until(() => dripped > 30)
    controller.abort(new AttemptAborted("attempt_timeout", "over"))
    expect(brief(await ended)).toEqual({ class: "unknown", code: "attempt_timeout" })
    expect(arrived).toBe(1)
  })
})

describe("a connection that is used again", () => {
  const whole = (text: string) => lines(OK, `content-length: ${text.length}`, "", text)

  test("and that its server ends as the next request comes: what was sent is unknown, and not sent again", async () => {
    for (const end of ["end", "destroy", "resetAndDestroy"] as const) {
      arrived = 0
      const connector = connectorTo("http")
      behave = (socket) => socket.write(whole("one"))
      expect(await call(connector)).toMatchObject({ class: "done", output: "one" })
      behave = (socket) => void socket[end]()
      expect(await call(connector)).toMatchObject({
        class: "unknown",
        code: expect.stringMatching(/^(?:ECONNRESET|UND_ERR_SOCKET)$/),
      })
      expect(arrived).toBe(2)
      behave = (socket) => socket.write(whole("two"))
      expect(await call(connector)).toMatchObject({ class: "done", output: "two" })
      expect(arrived).toBe(3)
      await client.close()
    }
  })

  test("and on which a second answer lay ready: no call takes another's", async () => {
    const connector = connectorTo("http")
    behave = (socket) => socket.write(whole("one") + whole("nobody's"))
    expect(await call(connector)).toMatchObject({ class: "done", output: "one" })
    behave = (socket) => socket.write(whole("two"))
    expect(await call(connector)).toMatchObject({ class: "done", output: "two" })
    expect(arrived).toBe(2)
  })
})

describe.each(["http-rpc", "jsonrpc"] as const)("%s, to a server that", (kind) => {
  test.each<[string, Behaviour, RegExp]>([
    ["closes before any byte", (socket) => void socket.end(), /^UND_ERR_SOCKET$/],
    ["resets before any byte", (socket) => void socket.resetAndDestroy(), /^(?:ECONNRESET|UND_ERR_SOCKET)$/],
    ["ends in the body", says(OK, JSON_TYPE, "content-length: 100", "", '{"result":1'), /^UND_ERR_SOCKET$/],
    [
      "sends half of its JSON",
      says(OK, JSON_TYPE, "content-length: 11", "", '{"result":1'),
      /^response_unreadable$/,
    ],
    ["speaks another protocol", says("SSH-2.0-odd", ""), /^HTTPParserError$/],
  ])("%s", async (_name, behaviour, code) => {
    behave = behaviour
    expect(await call(connectorTo(kind), kind)).toMatchObject({
      class: "unknown",
      code: expect.stringMatching(code),
    })
    expect(arrived).toBe(1)
  })
})
