/**
 * A gRPC server whose connection misbehaves in the middle of a call: between it and the client stands a proxy that
 * knows the frames of HTTP/2 (RFC 9113). What was begun is unknown, and the call arrives once.
 */
import { connect, type Socket } from "node:net"
import { afterEach, describe, expect, test } from "vitest"
import type { Connector } from "../call.ts"
import {
  brief,
  connectionsOf,
  createCall,
  localGuard,
  secretsOf,
  startTcp,
  until,
} from "../calls.testsuite.ts"
import { createHttpClient } from "../outbound/http-client.ts"
import { createRpcConnector } from "./connector.ts"
import { type GrpcServerOptions, startGrpc, type TestGrpcServer } from "./grpc-server.testsuite.ts"

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

const PREFACE_BYTES = 24
const FRAME_HEAD_BYTES = 9
const HEADERS = 1
const RST_STREAM = 3
const GOAWAY = 7
const NO_ERROR = 0
const INTERNAL_ERROR = 2
const REFUSED_STREAM = 7

function frame(type: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(FRAME_HEAD_BYTES)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

function words(...numbers: number[]): Buffer {
  const buffer = Buffer.alloc(4 * numbers.length)
  numbers.forEach((number, at) => buffer.writeUInt32BE(number, 4 * at))
  return buffer
}

interface Proxy {
  port: number
  /** The client's connection, and the stream that it opened last. */
  client(): { socket: Socket; stream: number }
  /** What the server says from now on ends after so many bytes. */
  cutAfter(bytes: number): void
}

async function startProxy(port: number): Promise<Proxy> {
  let current: { socket: Socket; stream: number } | undefined
  let room = Number.POSITIVE_INFINITY
  const proxy = await startTcp((socket) => {
    const link = (current = { socket, stream: 0 })
    const upstream = connect(port, "127.0.0.1")
    // Its end shows as the end of the client's connection.
    upstream.on("error", () => socket.destroy())
    const readFrames = createFrameReader((type, stream) => {
      if (type === HEADERS) link.stream = stream
    })
    socket.on("data", (bytes: Buffer) => {
      readFrames(bytes)
      upstream.write(bytes)
    })
    socket.on("close", () => upstream.destroy())
    upstream.on("close", () => socket.destroy())
    upstream.on("data", (bytes: Buffer) => {
      const passed = bytes.subarray(0, room)
      room -= passed.length
      socket.write(passed, () => room <= 0 && socket.destroy())
    })
  })
  cleanups.push(() => proxy.close())
  return {
    port: proxy.port,
    client() {
      if (current === undefined) throw new Error("nobody has connected")
      return current
    },
    cutAfter: (bytes) => (room = bytes),
  }
}

function createFrameReader(onFrame: (type: number, stream: number) => void): (bytes: Buffer) => void {
  let rest = Buffer.alloc(0)
  let begun = false
  return (bytes) => {
    rest = Buffer.concat([rest, bytes])
    if (!begun && rest.length < PREFACE_BYTES) return
    if (!begun) rest = rest.subarray(PREFACE_BYTES)
    begun = true
    while (rest.length >= FRAME_HEAD_BYTES && rest.length >= FRAME_HEAD_BYTES + rest.readUIntBE(0, 3)) {
      onFrame(rest.readUInt8(3), rest.readUInt32BE(5))
      rest = rest.subarray(FRAME_HEAD_BYTES + rest.readUIntBE(0, 3))
    }
  }
}

async function start(handler: GrpcServerOptions["handler"] = () => {}) {
  const server: TestGrpcServer = await startGrpc({ handler })
  cleanups.push(() => server.stop())
  const proxy = await startProxy(server.port)
  const http = createHttpClient(localGuard)
  const connection = { name: "payment", kind: "grpc", host: "127.0.0.1", port: proxy.port } as const
  const connections = connectionsOf(connection)
  const connector: Connector = createRpcConnector({
    connections,
    secrets: secretsOf(),
    guard: localGuard,
    client: http,
  })
  cleanups.push(
    () => http.close(),
    () => connector.close(),
  )
  const call = (budgetMs = 5_000) =>
    connector.call(
      createCall({
        budgetMs,
        config: { service: "payment", method: "shop.Payment/Charge" },
        input: { order_id: "o1" },
      }),
    )
  return { server, proxy, call }
}

describe("a server that", () => {
  test.each<[string, (client: ReturnType<Proxy["client"]>) => void, RegExp]>([
    [
      "resets the stream",
      ({ socket, stream }) => socket.write(frame(RST_STREAM, stream, words(INTERNAL_ERROR))),
      /^GRPC_INTERNAL$/,
    ],
    [
      // A proof in HTTP/2, but not here: the server's handler has the call.
      "refuses the stream that it took",
      ({ socket, stream }) => socket.write(frame(RST_STREAM, stream, words(REFUSED_STREAM))),
      /^GRPC_UNAVAILABLE$/,
    ],
    [
      "goes away, and has not seen the call",
      ({ socket }) => {
        socket.write(frame(GOAWAY, 0, words(0, NO_ERROR)))
        socket.end()
      },
      /^GRPC_(?:UNAVAILABLE|CANCELLED|INTERNAL)$/,
    ],
    [
      "goes away with an error",
      ({ socket, stream }) => socket.write(frame(GOAWAY, 0, words(stream, INTERNAL_ERROR))),
      /^GRPC_(?:UNAVAILABLE|CANCELLED|INTERNAL)$/,
    ],
    ["closes", ({ socket }) => socket.end(), /^GRPC_(?:UNAVAILABLE|CANCELLED)$/],
    ["resets the connection", ({ socket }) => socket.resetAndDestroy(), /^GRPC_(?:UNAVAILABLE|CANCELLED)$/],
  ])("%s", async (_name, misbehave, code) => {
    const { server, proxy, call } = await start()
    const ended = call()
    await until(() => server.calls.length === 1)
    misbehave(proxy.client())
    expect(await ended).toMatchObject({ class: "unknown", code: expect.stringMatching(code) })
    expect(server.calls).toHaveLength(1)
  })

  test("sends a frame that is none leaves the call its deadline", async () => {
    let isFirst = true
    const { server, proxy, call } = await start((_, reply) => {
      if (isFirst) reply(null, { payment_id: "p1" })
      isFirst = false
    })
    // What the second one needs is there: its time is for the call alone.
    expect(brief(await call())).toEqual({ class: "done" })
    const ended = call(2_000)
    await until(() => server.calls.length === 2)
    proxy.client().socket.end(Buffer.alloc(64, 0xff))
    expect(brief(await ended)).toEqual({ class: "unknown", code: "GRPC_DEADLINE_EXCEEDED" })
    expect(server.calls).toHaveLength(2)
  })

  test.each([1, 40, 4_000])("closes %d bytes into its reply", async (bytes) => {
    const { server, proxy, call } = await start((_, reply) => {
      proxy.cutAfter(bytes)
      reply(null, { payment_id: "x".repeat(10_000) })
    })
    expect(await call()).toMatchObject({
      class: "unknown",
      code: expect.stringMatching(/^GRPC_(?:UNAVAILABLE|CANCELLED|INTERNAL)$/),
    })
    expect(server.calls).toHaveLength(1)
  })

  test("goes away in good order answers what it took, and the next call finds it again", async () => {
    let answer = (): void => {}
    const { server, proxy, call } = await start((_, reply) => {
      answer = () => reply(null, { payment_id: "p1" })
    })
    const ended = call()
    await until(() => server.calls.length === 1)
    const { socket, stream } = proxy.client()
    socket.write(frame(GOAWAY, 0, words(stream, NO_ERROR)))
    answer()
    expect(brief(await ended)).toEqual({ class: "done" })
    const next = call()
    await until(() => server.calls.length === 2)
    answer()
    expect(brief(await next)).toEqual({ class: "done" })
  })
})
