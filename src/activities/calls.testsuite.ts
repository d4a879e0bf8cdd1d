/** What the connectors' tests share: requests as the frame makes them, and servers in this process. */
import { once } from "node:events"
import { createServer, type IncomingMessage, type RequestListener } from "node:http"
import { createServer as createTcpServer, type Server, type Socket } from "node:net"
import type { Connection } from "../contract/connections.ts"
import type { CallRequest, Verdict } from "./call.ts"
import type { ConnectionSource } from "./connection-source.ts"
import { idempotencyKey } from "../contract/idempotency-key.ts"
import { fingerprintOf } from "./fingerprint.ts"
import { createOutboundGuard } from "./outbound/guard.ts"
import { createSecretStore } from "./secrets.ts"

export const identity = {
  tenant: "acme",
  transaction: "order-1",
  task: "pay",
  generation: 1,
  operation: "do",
  attempt: 1,
} as const

export const localGuard = createOutboundGuard({ allowLoopback: true })
export const closedGuard = createOutboundGuard({ allowLoopback: false })

export function createCall(parts: Partial<CallRequest> & { kind?: string } = {}): CallRequest {
  const { kind = "test", config = {}, input, ...rest } = parts
  const who = rest.identity ?? identity
  return {
    identity: who,
    key: idempotencyKey(who),
    fingerprint: fingerprintOf({ kind, config, input }),
    effect: "keyed",
    before: "not_started",
    config,
    input,
    budgetMs: 5_000,
    memo: undefined,
    remember: () => {},
    signal: new AbortController().signal,
    ...rest,
  }
}

export function connectionsOf(...connections: Connection[]): ConnectionSource {
  return { find: (name) => connections.find((connection) => connection.name === name) }
}

export function secretsOf(values: Record<string, string> = {}) {
  return createSecretStore((name) => values[name])
}

/** Class and code, for a comparison in one line. */
export function brief(verdict: Verdict): { class: string; code?: string } {
  return verdict.class === "done" ? { class: "done" } : { class: verdict.class, code: verdict.code }
}

export interface LocalServer {
  port: number
  close(): Promise<void>
}

export interface Received {
  method: string
  url: string
  headers: IncomingMessage["headers"]
  body: string
}

/** Answers by `listener` after the whole request was read; keeps what came. */
export async function startHttp(
  listener: (request: Received, response: Parameters<RequestListener>[1], socket: Socket) => void,
  port = 0,
): Promise<LocalServer & { received: Received[] }> {
  const received: Received[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("error", () => response.destroy())
    request.on("end", () => {
      const { method = "", url = "", headers } = request
      const one = { method, url, headers, body: Buffer.concat(chunks).toString() }
      received.push(one)
      listener(one, response, request.socket)
    })
  })
  return { ...(await listen(server, port)), received }
}

export async function startTcp(listener: (socket: Socket) => void): Promise<LocalServer> {
  return listen(
    createTcpServer((socket) => {
      socket.on("error", () => socket.destroy())
      listener(socket)
    }),
  )
}

/** A port that was free a moment ago and that nobody listens on. */
export async function closedPort(): Promise<number> {
  const server = await startTcp(() => {})
  await server.close()
  return server.port
}

async function listen(server: Server, port = 0): Promise<LocalServer> {
  const sockets = new Set<Socket>()
  server.on("connection", (socket: Socket) => {
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket))
  })
  server.listen(port, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("the server has no port")
  return {
    port: address.port,
    async close() {
      const closed = once(server, "close")
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** Waits for a condition, in steps of a few milliseconds. */
export async function until(condition: () => boolean | Promise<boolean>, withinMs = 5_000): Promise<void> {
  const deadline = Date.now() + withinMs
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`the condition did not come true within ${withinMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
