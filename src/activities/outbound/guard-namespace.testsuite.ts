/** Runs inside the namespace that `guard-namespace.test.ts` makes. */
import { once } from "node:events"
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import type { Connection } from "../../contract/connections.ts"
import { brief, connectionsOf, createCall, secretsOf } from "../calls.testsuite.ts"
import { createDbConnector } from "../db/connector.ts"
import { testConnection } from "../test-connection.ts"
import { createHttpConnector } from "../http/connector.ts"
import { createMqConnector } from "../mq/connector.ts"
import { createRpcConnector } from "../rpc/connector.ts"
import { createOutboundGuard, type OutboundGuard, type Resolver } from "./guard.ts"
import { createHttpClient } from "./http-client.ts"
import { FORBIDDEN_4, FORBIDDEN_6, PUBLIC, PUBLIC_6, SPELLINGS } from "./namespace-addresses.testsuite.ts"

describe("within the namespace", () => {
  const hits: string[] = []
  let listener: Server
  let port: number
  const cleanups: (() => unknown)[] = []

  beforeAll(async () => {
    listener = createServer((socket) => {
      hits.push(String(socket.localAddress).replace("::ffff:", ""))
      socket.on("error", () => undefined)
      socket.destroy()
    })
    listener.listen(0, "::")
    await once(listener, "listening")
    // Listening on a port makes it an address with a port.
    port = (listener.address() as AddressInfo).port
  })
  afterAll(() => listener.close())
  afterEach(async () => {
    hits.length = 0
    for (const cleanup of cleanups.splice(0)) await cleanup()
  })

  const closed = (socket: Socket): Promise<void> =>
    new Promise((resolve) => socket.on("error", () => undefined).on("close", () => resolve()))

  const settled = async (): Promise<string[]> => {
    // Whatever was dialled before this connection was accepted before it.
    const last = connect(port, PUBLIC)
    await closed(last)
    return hits.splice(0).slice(0, -1)
  }

  const resolverOf =
    (addresses: string[]): Resolver =>
    () =>
      Promise.resolve(addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })))

  const urlOf = (host: string): string => {
    const bare = host.replace(/^\[|\]$/g, "")
    return `http://${bare.includes(":") ? `[${bare}]` : bare}:${port}`
  }
  /** Of every kind, with and without TLS where it differs. */
  const connectionsTo = (host: string): Connection[] => {
    const at = { host: host.replace(/^\[|\]$/g, ""), port }
    const url = urlOf(host)
    return [
      { name: "web", kind: "http", base_url: url },
      { name: "secure", kind: "http", base_url: url.replace("http:", "https:") },
      { name: "grpc", kind: "grpc", ...at },
      { name: "rpc", kind: "http-rpc", ...at },
      { name: "json", kind: "jsonrpc", ...at },
      { name: "events", kind: "mqtt", ...at },
      { name: "events-tls", kind: "mqtt", ...at, tls: true },
      { name: "rabbit", kind: "rabbitmq", ...at, username: "u", password_secret: "p" },
      { name: "rabbit-tls", kind: "rabbitmq", ...at, tls: true, username: "u", password_secret: "p" },
      { name: "nats", kind: "nats", ...at },
      { name: "data", kind: "postgres", ...at, database: "d", user: "u" },
      { name: "business", kind: "mysql", ...at, database: "d", user: "u" },
    ]
  }

  /** Every kind of call to a host, as class and code. */
  const callAll = async (guard: OutboundGuard, host: string): Promise<{ class: string; code?: string }[]> => {
    const url = urlOf(host)
    const connections = connectionsOf(...connectionsTo(host))
    const client = createHttpClient(guard)
    const deps = { connections, secrets: secretsOf({ p: "s3cret" }), guard, client }
    const [http, rpc, mq, db] = [
      createHttpConnector(deps),
      createRpcConnector(deps),
      createMqConnector(deps),
      createDbConnector(deps),
    ]
    cleanups.push(...[http, rpc, mq, db, client].map((one) => () => one.close()))
    const budgetMs = 2_000
    const calls = [
      http.call(createCall({ config: { connection: "web", url: "/x" }, budgetMs })),
      http.call(createCall({ config: { connection: "secure", url: "/x" }, budgetMs })),
      http.call(createCall({ config: { url: `${url}/x` }, budgetMs })),
      rpc.call(createCall({ config: { service: "grpc", method: "a.B/C" }, budgetMs })),
      rpc.call(createCall({ config: { service: "rpc", method: "m" }, budgetMs })),
      rpc.call(createCall({ config: { service: "json", method: "m" }, budgetMs })),
      mq.call(createCall({ config: { connection: "events", topic: "t" }, budgetMs })),
      mq.call(createCall({ config: { connection: "events-tls", topic: "t" }, budgetMs })),
      ...["rabbit", "rabbit-tls", "nats"].map((connection) =>
        mq.call(createCall({ config: { connection, topic: "t" }, budgetMs })),
      ),
      db.call(createCall({ config: { connection: "data", sql: "select 1" }, budgetMs })),
      db.call(createCall({ config: { connection: "data", sql: "select 1" }, effect: "read", budgetMs })),
      db.call(createCall({ config: { connection: "business", sql: "select 1" }, budgetMs })),
      db.call(createCall({ config: { connection: "business", sql: "select 1" }, effect: "read", budgetMs })),
    ]
    return (await Promise.all(calls)).map(brief)
  }
  const blocked = Array.from({ length: 15 }, () => ({ class: "misconfigured", code: "address_blocked" }))

  test("the listener records what reaches a forbidden address", async () => {
    for (const address of [PUBLIC, PUBLIC_6, ...FORBIDDEN_4, ...FORBIDDEN_6]) {
      await closed(connect(port, address))
    }
    expect(await settled()).toEqual([PUBLIC, PUBLIC_6, ...FORBIDDEN_4, ...FORBIDDEN_6])
  })

  test("a host that may be called is reached by every kind of call", async () => {
    const guard = createOutboundGuard({ allowLoopback: false, resolver: resolverOf([PUBLIC]) })
    for (const host of [PUBLIC, "public.test"]) {
      const outcomes = await callAll(guard, host)
      expect(outcomes.some(({ code }) => code === "address_blocked")).toBe(false)
      const reached = await settled()
      expect(reached.length).toBeGreaterThanOrEqual(14)
      expect(new Set(reached)).toEqual(new Set([PUBLIC]))
    }
  })

  test.each([...FORBIDDEN_4, ...FORBIDDEN_6, ...SPELLINGS])(
    "no call reaches %s as a literal",
    async (host) => {
      const guard = createOutboundGuard({ allowLoopback: false })
      expect(await callAll(guard, host)).toEqual(blocked)
      expect(await settled()).toEqual([])
    },
  )

  test.each([...FORBIDDEN_4, ...FORBIDDEN_6, "::ffff:10.0.0.5"])(
    "no call reaches %s by name, alone or beside others",
    async (address) => {
      for (const addresses of [[address], [PUBLIC, address], [address, PUBLIC]]) {
        const guard = createOutboundGuard({ allowLoopback: false, resolver: resolverOf(addresses) })
        expect(await callAll(guard, "name.test")).toEqual(blocked)
      }
      expect(await settled()).toEqual([])
    },
  )

  test("a resolver that changes its mind reaches the inside in none of 1,000 tries", async () => {
    let asked = 0
    const resolver: Resolver = (host) => resolverOf([asked++ % 2 === 0 ? PUBLIC : "10.0.0.5"])(host)
    const guard = createOutboundGuard({ allowLoopback: false, resolver })
    for (let tries = 0; tries < 1_000; tries++) {
      await closed(guard.createSocket().connect(port, "rebinding.test"))
    }
    const reached = await settled()
    expect(asked).toBe(1_000)
    expect(reached).toHaveLength(500)
    expect(new Set(reached)).toEqual(new Set([PUBLIC]))
    for (let tries = 0; tries < 20; tries++) await callAll(guard, "rebinding.test")
    expect(new Set(await settled())).toEqual(new Set([PUBLIC]))
  })

  test("local mode opens loopback and nothing else, an allowed range only itself", async () => {
    const local = createOutboundGuard({ allowLoopback: true })
    await callAll(local, "127.0.0.5")
    expect(new Set(await settled())).toEqual(new Set(["127.0.0.5"]))
    expect(await callAll(local, "10.0.0.5")).toEqual(blocked)
    const allowed = createOutboundGuard({
      allowLoopback: false,
      allowRanges: ["10.0.0.0/8", "169.254.0.0/16"],
    })
    await callAll(allowed, "10.0.0.5")
    expect(new Set(await settled())).toEqual(new Set(["10.0.0.5"]))
    expect(await callAll(allowed, "169.254.169.254")).toEqual(blocked)
    expect(await callAll(allowed, "127.0.0.5")).toEqual(blocked)
    expect(await settled()).toEqual([])
  })

  test("trying a connection of any kind reaches no forbidden address", async () => {
    const guard = createOutboundGuard({ allowLoopback: false, resolver: resolverOf(["10.0.0.5"]) })
    for (const host of ["name.test", "169.254.169.254", "[fd00:ec2::254]"])
      for (const connection of connectionsTo(host)) {
        const targets = {
          connections: connectionsOf(connection),
          secrets: () => undefined,
          refresh: () => Promise.resolve(),
        }
        const tried = await testConnection(
          { targets, secrets: secretsOf({ p: "s3cret" }), guard },
          connection.name,
        )
        expect({ ...tried, host }).toMatchObject({ ok: false, code: "address_blocked" })
      }
    expect(await settled()).toEqual([])
  })

  test("a redirect to a forbidden address is not followed", async () => {
    const { createServer: createHttpServer } = await import("node:http")
    const web = createHttpServer((_, response) =>
      response.writeHead(302, { location: `http://10.0.0.5:${port}/` }).end(),
    )
    web.listen(0, PUBLIC)
    await once(web, "listening")
    cleanups.push(() => web.close())
    const guard = createOutboundGuard({ allowLoopback: false })
    const client = createHttpClient(guard)
    cleanups.push(() => client.close())
    const http = createHttpConnector({ connections: connectionsOf(), secrets: secretsOf(), guard, client })
    const url = `http://${PUBLIC}:${(web.address() as AddressInfo).port}/x`
    expect(brief(await http.call(createCall({ config: { url, method: "GET" } })))).toEqual({
      class: "misconfigured",
      code: "HTTP_302",
    })
    expect(await settled()).toEqual([])
  })
})
