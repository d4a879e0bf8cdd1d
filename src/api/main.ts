/** Puts the API on a port. */
import { type AddressInfo, isIP } from "node:net"
import { serve, type ServerType } from "@hono/node-server"
import type { OpenAPIHono } from "@hono/zod-openapi"
import type { ApiEnv, AuthMode } from "./dependencies.ts"

export interface ApiServer {
  url: string
  port: number
  /** Takes no new connections and lets the requests at work finish. */
  stop(): Promise<void>
}

interface ApiOptions {
  app: OpenAPIHono<ApiEnv>
  host: string
  /** 0 takes a free one. */
  port: number
  auth: AuthMode
}

const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
const STOP_PATIENCE_MS = 10_000
const IDLE_SWEEP_MS = 50

/** @throws {Error} for any address but loopback while authentication is off, and when the port is taken. */
export async function startApi({ app, host, port, auth }: ApiOptions): Promise<ApiServer> {
  if (auth.mode === "off" && !isLoopback(host)) {
    throw new Error(
      `the API does not listen on ${host} without authentication: create an API key (holdfast key create) and turn it on, or listen on 127.0.0.1`,
    )
  }
  const server = await listen({ app, host, port })
  // A TCP server that listens has an address with a port.
  const address = server.address() as AddressInfo
  return {
    url: `http://${isIP(host) === 6 ? `[${host}]` : host}:${address.port}`,
    port: address.port,
    stop: () => close(server),
  }
}

/** Names other than localhost may resolve to anything, now or later. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."))
}

function listen({ app, host, port }: Omit<ApiOptions, "auth">): Promise<ServerType> {
  return new Promise((resolve, reject) => {
    const refuse = (cause: Error): void => {
      reject(new Error(`the API cannot listen on ${host}, port ${port}: ${cause.message}`, { cause }))
    }
    const server = serve(
      {
        fetch: app.fetch,
        hostname: host,
        port,
        serverOptions: { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS },
      },
      () => {
        server.off("error", refuse)
        resolve(server)
      },
    )
    server.once("error", refuse)
  })
}

async function close(server: ServerType): Promise<void> {
  const closed = new Promise<void>((resolve, reject) => {
    server.close((error) => (error === undefined ? resolve() : reject(error)))
  })
  // Connections that are kept alive become idle one by one, when their last answer is out.
  const sweep = setInterval(() => {
    if ("closeIdleConnections" in server) server.closeIdleConnections()
  }, IDLE_SWEEP_MS)
  const cut = setTimeout(() => {
    if ("closeAllConnections" in server) server.closeAllConnections()
  }, STOP_PATIENCE_MS)
  try {
    await closed
  } finally {
    clearInterval(sweep)
    clearTimeout(cut)
  }
}
