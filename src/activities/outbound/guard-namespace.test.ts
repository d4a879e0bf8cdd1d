/**
 * The guard where it can fail: in a network namespace without a way out, whose own loopback device holds the
 * forbidden addresses and a listener that records every connection. The outer half makes the namespace and runs
 * this file again in it.
 */
import { spawnSync } from "node:child_process"
import { once } from "node:events"
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net"
import { fileURLToPath } from "node:url"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { brief, connectionsOf, createCall, secretsOf } from "../calls.testsuite.ts"
import { createDbConnector } from "../db/connector.ts"
import { createHttpConnector } from "../http/connector.ts"
import { createMqConnector } from "../mq/connector.ts"
import { createRpcConnector } from "../rpc/connector.ts"
import { createOutboundGuard, type OutboundGuard, type Resolver } from "./guard.ts"
import { createHttpClient } from "./http-client.ts"

const INSIDE = "HOLDFAST_TEST_NAMESPACE"
const isInside = process.env[INSIDE] === "1"

/** Stands for a host that may be called. */
const PUBLIC = "93.184.216.34"
const PUBLIC_6 = "2606:2800:220:1::1"
/** One of each range that the kernel lets a device hold. */
const FORBIDDEN_4 = [
  "10.0.0.5",
  "100.64.0.5",
  "100.100.100.200",
  "127.0.0.5",
  "169.254.169.254",
  "172.16.0.5",
  "192.0.0.192",
  "192.0.2.5",
  "192.88.99.5",
  "192.168.0.5",
  "198.18.0.5",
  "198.51.100.5",
  "203.0.113.5",
]
const FORBIDDEN_6 = [
  "::1",
  "fc00::5",
  "fd00:ec2::254",
  "fec0::5",
  "2001:db8::5",
  "2001::5",
  "2002::5",
  "100::5",
  "64:ff9b::5",
  "64:ff9b:1::5",
]
const SPELLINGS = [
  "127.1",
  "2130706433",
  "0x7f.1",
  "0177.0.0.1",
  "0",
  "localhost",
  "[::ffff:10.0.0.5]",
  "[::ffff:7f00:1]",
  "[::7f00:1]",
]

describe.skipIf(isInside)("the guard in a namespace of its own", () => {
  const addresses = [PUBLIC, ...FORBIDDEN_4].map((address) => `${address}/32`)
  const addresses6 = [PUBLIC_6, ...FORBIDDEN_6.filter((address) => address !== "::1")].map(
    (address) => `${address}/128`,
  )
  const setUp = [
    "ip link set lo up",
    ...[...addresses, ...addresses6].map((address) => `ip addr add ${address} dev lo`),
  ]
  const flags = ["-n", "-rn"].find(
    (flag) => spawnSync("unshare", [flag, "sh", "-c", setUp.join(" && ")]).status === 0,
  )
  if (flags === undefined) {
    const missing = "no network namespace can be made here (unshare and ip are needed)"
    if (process.env["HOLDFAST_REQUIRE_SERVERS"] === "1") throw new Error(missing)
    process.stderr.write(`  ${missing}: the outbound guard's tests in it are skipped\n`)
  }

  test.skipIf(flags === undefined)(
    "lets nothing through",
    () => {
      const vitest = fileURLToPath(new URL("../../../node_modules/vitest/vitest.mjs", import.meta.url))
      const run = [process.execPath, vitest, "run", "--project", "unit", fileURLToPath(import.meta.url)]
      const script = [...setUp, `exec ${run.map((part) => `'${part}'`).join(" ")}`].join(" && ")
      const { status, stdout, stderr } = spawnSync("unshare", [flags ?? "", "sh", "-c", script], {
        cwd: fileURLToPath(new URL("../../..", import.meta.url)),
        env: { ...process.env, [INSIDE]: "1" },
        encoding: "utf8",
      })
      expect(`${stdout}${stderr}`).toMatch(/Tests.*[1-9]\d* passed/)
      expect(status, `${stdout}${stderr}`).toBe(0)
    },
    60_000,
  )
})

describe.runIf(isInside)("within the namespace", () => {
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

  /** Every kind of call to a host, as class and code. */
  const callAll = async (guard: OutboundGuard, host: string): Promise<{ class: string; code?: string }[]> => {
    const bare = host.replace(/^\[|\]$/g, "")
    const at = { host: bare, port }
    const url = `http://${bare.includes(":") ? `[${bare}]` : bare}:${port}`
    const connections = connectionsOf(
      { name: "web", kind: "http", base_url: url },
      { name: "secure", kind: "http", base_url: url.replace("http:", "https:") },
      { name: "grpc", kind: "grpc", ...at },
      { name: "rpc", kind: "http-rpc", ...at },
      { name: "events", kind: "mqtt", ...at },
      { name: "events-tls", kind: "mqtt", ...at, tls: true },
      { name: "data", kind: "postgres", ...at, database: "d", user: "u" },
    )
    const client = createHttpClient(guard)
    const deps = { connections, secrets: secretsOf(), guard, client }
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
      mq.call(createCall({ config: { connection: "events", topic: "t" }, budgetMs })),
      mq.call(createCall({ config: { connection: "events-tls", topic: "t" }, budgetMs })),
      db.call(createCall({ config: { connection: "data", sql: "select 1" }, budgetMs })),
      db.call(createCall({ config: { connection: "data", sql: "select 1" }, effect: "read", budgetMs })),
    ]
    return (await Promise.all(calls)).map(brief)
  }
  const blocked = Array.from({ length: 9 }, () => ({ class: "misconfigured", code: "address_blocked" }))

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
      expect(reached.length).toBeGreaterThanOrEqual(8)
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

  test("a redirect to a forbidden address is not followed", async () => {
    const { createServer: createHttpServer } = await import("node:http")
    const web = createHttpServer((_, response) =>
      response.writeHead(302, { location: `http://10.0.0.5:${port}/` }).end(),
    )
    web.listen(0, PUBLIC)
    await once(web, "listening")
    cleanups.push(() => web.close())
    const client = createHttpClient(createOutboundGuard({ allowLoopback: false }))
    cleanups.push(() => client.close())
    const http = createHttpConnector({ connections: connectionsOf(), secrets: secretsOf(), client })
    const url = `http://${PUBLIC}:${(web.address() as AddressInfo).port}/x`
    expect(brief(await http.call(createCall({ config: { url, method: "GET" } })))).toEqual({
      class: "misconfigured",
      code: "HTTP_302",
    })
    expect(await settled()).toEqual([])
  })
})
