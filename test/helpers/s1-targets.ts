import { createServer, type IncomingMessage, type Server } from "node:http"
import type { AddressInfo } from "node:net"

export interface Received {
  path: string
  headers: IncomingMessage["headers"]
  // oxlint-disable-next-line typescript/no-explicit-any -- what a test sent; it looks into it
  body: any
  arrived: number
  answered: number | null
}

export interface Targets {
  port: number
  received: Received[]
  /** A path, or a method of `/rpc`, answers 503 from now on; 200 again with `answer`. */
  refuse(name: string): void
  answer(name: string): void
  /** Nothing listens any more, until `up`. */
  down(): Promise<void>
  up(): Promise<void>
  /** Calls of this path or method are held until the returned function is called. */
  hold(name: string): () => void
  stop(): Promise<void>
}

/** The services that S1's flows call: `POST /rpc` on the service's address, and plain HTTP. */
export async function startTargets(): Promise<Targets> {
  const received: Received[] = []
  const refused = new Set<string>()
  const gates = new Map<string, Promise<void>>()
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      const path = request.url ?? ""
      const body = JSON.parse(Buffer.concat(chunks).toString() || "null")
      const name = path === "/rpc" ? String(body.method) : path
      const call: Received = {
        path,
        headers: request.headers,
        body,
        arrived: performance.now(),
        answered: null,
      }
      received.push(call)
      const answer = () => {
        call.answered = performance.now()
        response.writeHead(refused.has(name) ? 503 : 200, { "content-type": "application/json" })
        response.end(JSON.stringify({ ok: !refused.has(name), name }))
      }
      const gate = gates.get(name)
      if (gate === undefined) answer()
      // The gate is a promise that only resolves.
      else void gate.then(answer)
    })
  })
  await listen(server, 0)
  // A TCP server that listens has an address object.
  const { port } = server.address() as AddressInfo
  return {
    port,
    received,
    refuse: (name) => void refused.add(name),
    answer: (name) => void refused.delete(name),
    down: () => close(server),
    up: () => listen(server, port),
    hold(name) {
      let release = () => {}
      gates.set(name, new Promise((resolve) => (release = resolve)))
      return () => {
        gates.delete(name)
        release()
      }
    },
    stop: () => close(server),
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject)
      resolve()
    })
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
