import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import type { Connection } from "../../contract/connections.ts"
import type { Connector } from "../call.ts"
import {
  brief,
  closedPort,
  connectionsOf,
  createCall,
  localGuard,
  secretsOf,
  startHttp,
} from "../calls.testsuite.ts"
import { createHttpClient, type HttpClient } from "../outbound/http-client.ts"
import { createRpcConnector } from "./connector.ts"

let answer: Parameters<typeof startHttp>[0] = (_, response) => response.end()
let server: Awaited<ReturnType<typeof startHttp>>
let client: HttpClient
const made: Connector[] = []

beforeAll(async () => {
  server = await startHttp((...call) => answer(...call))
  client = createHttpClient(localGuard)
})
afterEach(async () => {
  server.received.length = 0
  for (const connector of made.splice(0)) await connector.close()
})
afterAll(async () => {
  await client.close()
  await server.close()
})

function connectorOf(...connections: Connection[]): Connector {
  const secrets = secretsOf({ token: "s3cret-token" })
  const connector = createRpcConnector({
    connections: connectionsOf(...connections),
    secrets,
    guard: localGuard,
    client,
  })
  made.push(connector)
  return connector
}
const at = () => ({ host: "127.0.0.1", port: server.port })
const callOf = (service: string, input: unknown = { amount: 99 }) =>
  createCall({ config: { service, method: "deduct" }, input })

describe("http-rpc", () => {
  test("posts method and params to /rpc, with key and identity, and answers the JSON body", async () => {
    answer = (_, response) => response.end('{"payment_id":"p1"}')
    const request = callOf("payment-service")
    const connection = {
      name: "payment-service",
      kind: "http-rpc",
      ...at(),
      headers: { authorization: { secret: "token" } },
    } as const
    const verdict = await connectorOf(connection).call(request)
    expect(verdict).toMatchObject({ class: "done", output: { payment_id: "p1" } })
    expect(server.received).toMatchObject([
      {
        method: "POST",
        url: "/rpc",
        headers: {
          "content-type": "application/json",
          "idempotency-key": request.key,
          "x-holdfast-task": "pay",
          authorization: "s3cret-token",
        },
      },
    ])
    expect(JSON.parse(server.received[0]?.body ?? "")).toEqual({ method: "deduct", params: { amount: 99 } })
  })

  test("takes an unknown service for a host and port", async () => {
    answer = (_, response) => response.end("{}")
    expect(brief(await connectorOf().call(callOf(`127.0.0.1:${server.port}`)))).toEqual({ class: "done" })
    expect(server.received[0]?.url).toBe("/rpc")
  })

  test("a connection that is gone since the publish is not called as a host", async () => {
    const call = createCall({
      config: { service: "payment-service", connection: "payment-service", method: "deduct" },
      input: {},
    })
    await expect(connectorOf().call(call)).rejects.toMatchObject({ code: "connection_unknown" })
  })

  test("fills the method into the connection's path", async () => {
    answer = (_, response) => response.end("{}")
    const connector = connectorOf({ name: "s", kind: "http-rpc", ...at(), path: "/api/{method}" })
    await connector.call(createCall({ config: { service: "s", method: "a/../b" } }))
    expect(server.received[0]?.url).toBe("/api/a%2F..%2Fb")
    expect(JSON.parse(server.received[0]?.body ?? "")).toEqual({ method: "a/../b", params: {} })
  })

  test.each([
    [200, "done"],
    [204, "done"],
    [304, "done"],
    [302, "misconfigured"],
    [404, "misconfigured"],
    [422, "refused"],
    [500, "unknown"],
    [503, "unknown"],
  ])("reads status %d as %s", async (status, expected) => {
    answer = (_, response) => response.writeHead(status).end()
    const connector = connectorOf({ name: "s", kind: "http-rpc", ...at() })
    expect((await connector.call(callOf("s"))).class).toBe(expected)
  })

  test("keeps a reply that is no JSON as text", async () => {
    answer = (_, response) => response.end("OK then")
    const connector = connectorOf({ name: "s", kind: "http-rpc", ...at() })
    expect(await connector.call(callOf("s"))).toMatchObject({ class: "done", output: "OK then" })
  })

  test("a closed port is not_executed", async () => {
    const port = await closedPort()
    expect(brief(await connectorOf().call(callOf(`127.0.0.1:${port}`)))).toEqual({
      class: "not_executed",
      code: "ECONNREFUSED",
    })
  })

  test("needs a method, and a service of a kind that rpc can use", async () => {
    const connector = connectorOf({ name: "web", kind: "http", base_url: "http://127.0.0.1" })
    await expect(connector.call(createCall({ config: { service: "host" } }))).rejects.toMatchObject({
      code: "method_invalid",
    })
    await expect(connector.call(callOf("web"))).rejects.toMatchObject({ code: "connection_kind" })
    await expect(connector.call(callOf("no host"))).rejects.toMatchObject({ code: "connection_unknown" })
  })
})

describe("JSON-RPC 2.0", () => {
  const connection = () => ({ name: "j", kind: "jsonrpc", ...at(), path: "/api" }) as const
  const reply = (body: object) => {
    answer = (_, response) =>
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body))
  }

  test("sends the key as id and answers the result", async () => {
    const request = callOf("j")
    reply({ jsonrpc: "2.0", id: request.key, result: { ok: true } })
    expect(await connectorOf(connection()).call(request)).toMatchObject({
      class: "done",
      output: { ok: true },
    })
    expect(server.received[0]?.url).toBe("/api")
    expect(JSON.parse(server.received[0]?.body ?? "")).toEqual({
      jsonrpc: "2.0",
      id: request.key,
      method: "deduct",
      params: { amount: 99 },
    })
  })

  test("leaves params out where the input is none", async () => {
    const request = callOf("j", "text")
    reply({ jsonrpc: "2.0", id: request.key, result: null })
    expect(await connectorOf(connection()).call(request)).toMatchObject({ class: "done", output: null })
    expect(JSON.parse(server.received[0]?.body ?? "")).not.toHaveProperty("params")
  })

  test.each([
    [-32_700, "misconfigured"],
    [-32_600, "misconfigured"],
    [-32_601, "misconfigured"],
    [-32_602, "refused"],
    [-32_603, "unknown"],
    [-32_000, "unknown"],
    [-32_099, "unknown"],
    [-31_999, "refused"],
    [-32_100, "refused"],
    [1, "refused"],
  ])("reads error %d as %s", async (code, expected) => {
    reply({ jsonrpc: "2.0", id: null, error: { code, message: "no" } })
    expect(brief(await connectorOf(connection()).call(callOf("j")))).toEqual({
      class: expected,
      code: `JSONRPC_${code}`,
    })
  })

  test("an error is read by its code, whatever its message is", async () => {
    for (const message of [
      { toString: 1, valueOf: 1 },
      JSON.parse("[".repeat(50) + "]".repeat(50)),
      undefined,
    ]) {
      reply({ jsonrpc: "2.0", id: null, error: { code: 1, message } })
      expect(brief(await connectorOf(connection()).call(callOf("j")))).toEqual({
        class: "refused",
        code: "JSONRPC_1",
      })
    }
  })

  test("a reply that is none, or another's, has lost the result", async () => {
    for (const body of [{}, { jsonrpc: "2.0", id: "other", result: 1 }, { error: { code: "x" } }, [1]]) {
      reply(body)
      expect(brief(await connectorOf(connection()).call(callOf("j"))), JSON.stringify(body)).toEqual({
        class: "unknown",
        code: "response_unreadable",
      })
    }
  })

  test("a failing status is read as such", async () => {
    answer = (_, response) => response.writeHead(429, { "retry-after": "2" }).end()
    expect(await connectorOf(connection()).call(callOf("j"))).toMatchObject({
      class: "not_executed",
      code: "HTTP_429",
      retryAfterMs: 2_000,
    })
  })
})
