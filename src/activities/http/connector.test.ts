import { brotliCompressSync, gzipSync } from "node:zlib"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import type { HttpConnection, Profile } from "../../contract/connections.ts"
import { AttemptAborted, type CallRequest, type Connector } from "../call.ts"
import {
  brief,
  closedGuard,
  closedPort,
  connectionsOf,
  createCall,
  localGuard,
  type LocalServer,
  secretsOf,
  startHttp,
  startTcp,
  until,
} from "../calls.testsuite.ts"
import { createHttpClient, type HttpClient } from "../outbound/http-client.ts"
import { createHttpConnector } from "./connector.ts"

type Answer = Parameters<typeof startHttp>[0]

let answer: Answer = (_, response) => response.end()
let server: Awaited<ReturnType<typeof startHttp>>
let client: HttpClient
const open: LocalServer[] = []

beforeAll(async () => {
  server = await startHttp((...call) => answer(...call))
  client = createHttpClient(localGuard)
})
afterEach(async () => {
  server.received.length = 0
  for (const one of open.splice(0)) await one.close()
})
afterAll(async () => {
  await client.close()
  await server.close()
})

const secrets = { shipping_key: "s3cret-shipping-key", broken: "qwv\nxyz" }

function connectorFor(
  connection: Partial<HttpConnection> = {},
  secretValues: Record<string, string> = secrets,
): Connector {
  const base_url = `http://127.0.0.1:${server.port}`
  return createHttpConnector({
    connections: connectionsOf({ name: "shipping", kind: "http", base_url, ...connection }),
    secrets: secretsOf(secretValues),
    guard: localGuard,
    client,
  })
}

const call = (config: object, parts: Partial<CallRequest> = {}, connection: Partial<HttpConnection> = {}) =>
  connectorFor(connection).call(
    createCall({ kind: "http", config: { connection: "shipping", ...config }, ...parts }),
  )

describe("createHttpConnector()", () => {
  test("posts JSON with key, identity, trace and the connection's secret header", async () => {
    answer = (_, response) =>
      response.writeHead(200, { "content-type": "application/json" }).end('{"tracking":"T-1"}')
    const request = createCall({
      config: {
        connection: "shipping",
        url: "/parcels",
        body: { order_id: "o1" },
        headers: { "X-Extra": 7 },
      },
    })
    const verdict = await connectorFor({ headers: { "x-api-key": { secret: "shipping_key" } } }).call(request)
    expect(verdict).toMatchObject({ class: "done", output: { tracking: "T-1" } })
    expect(server.received).toHaveLength(1)
    expect(server.received[0]).toMatchObject({
      method: "POST",
      url: "/parcels",
      body: '{"order_id":"o1"}',
      headers: {
        "content-type": "application/json",
        "idempotency-key": request.key,
        "x-api-key": "s3cret-shipping-key",
        "x-extra": "7",
        "x-holdfast-transaction": "order-1",
        "x-holdfast-task": "pay",
        "x-holdfast-operation": "do",
        "x-holdfast-generation": "1",
        traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/),
      },
    })
    expect(verdict.evidence).toMatchObject({
      peer: `127.0.0.1:${server.port}`,
      bytesSent: 17,
      bytesReceived: 18,
      response: { status: 200, body: { tracking: "T-1" } },
    })
  })

  test("quotes the key for the profile of the draft only", async () => {
    answer = (_, response) => response.end()
    const { key } = createCall()
    for (const profile of ["ietf-idempotency", "plain", "dtm"] as const)
      await call({ url: "/x" }, {}, { profile })
    expect(server.received.map(({ headers }) => headers["idempotency-key"])).toEqual([`"${key}"`, key, key])
  })

  test("lets nobody but the frame say who the caller is", async () => {
    answer = (_, response) => response.end()
    await call({ url: "/x", headers: { "X-Holdfast-Transaction": "other", "Idempotency-Key": "mine" } })
    expect(server.received[0]?.headers).toMatchObject({
      "x-holdfast-transaction": "order-1",
      "idempotency-key": "mine",
    })
  })

  test.each([
    ["an object of the config", { body: { a: 1 } }, undefined, '{"a":1}', "application/json"],
    ["input.body when the config has none", {}, { body: { b: 2 } }, '{"b":2}', "application/json"],
    ["JSON text as it is", {}, { body: '{"n":1}' }, '{"n":1}', "application/json"],
    ["other text as it is", { body: "plain words" }, undefined, "plain words", "text/plain; charset=utf-8"],
    ["a list", { body: [1, "2"] }, undefined, '[1,"2"]', "application/json"],
    ["false", { body: false }, undefined, "false", "application/json"],
    ["none for null", { body: null }, { body: "not this" }, "", undefined],
    ["none without any", {}, { other: 1 }, "", undefined],
    ["none for text as input", {}, "text", "", undefined],
    [
      "a form where the content type says so",
      { body: { a: "ä b", list: [1, 2] }, headers: { "content-type": "application/x-www-form-urlencoded" } },
      undefined,
      "a=%C3%A4+b&list=1&list=2",
      "application/x-www-form-urlencoded",
    ],
  ])("sends %s", async (_name, config, input, body, type) => {
    answer = (_, response) => response.end()
    await call({ url: "/x", ...config }, { input })
    expect(server.received[0]?.body).toBe(body)
    expect(server.received[0]?.headers["content-type"]).toBe(type)
  })

  test("sends no body with GET", async () => {
    answer = (_, response) => response.end()
    await call({ url: "/x", method: "get", query: { a: 1 } }, { input: { body: "x" } })
    expect(server.received[0]).toMatchObject({ method: "GET", url: "/x?a=1", body: "" })
  })

  test.each([
    ["JSON by its content type", "application/json; charset=utf-8", '{"a":1}', { a: 1 }],
    ["JSON by a suffix", "application/vnd.x+json", "[1]", [1]],
    ["text otherwise", "text/plain", '{"a":1}', '{"a":1}'],
    ["nothing as null", "application/json", "", null],
  ])("reads %s", async (_name, type, body, output) => {
    answer = (_, response) => response.writeHead(200, { "content-type": type }).end(body)
    expect(await call({ url: "/x" })).toMatchObject({ class: "done", output })
  })

  test("reads packed and foreign bytes", async () => {
    answer = (_, response) =>
      response
        .writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" })
        .end(gzipSync('{"a":1}'))
    expect(await call({ url: "/x" })).toMatchObject({ class: "done", output: { a: 1 } })
    answer = (_, response) =>
      response
        .writeHead(200, { "content-type": "text/plain; charset=iso-8859-1", "content-encoding": "br" })
        .end(brotliCompressSync(Buffer.from([0xe4])))
    expect(await call({ url: "/x" })).toMatchObject({ class: "done", output: "ä" })
  })

  test("reports the status of a failure, and what the target wants", async () => {
    answer = (_, response) => response.writeHead(503, { "retry-after": "7" }).end("busy")
    const verdict = await call({ url: "/x" })
    expect(verdict).toMatchObject({
      class: "unknown",
      code: "HTTP_503",
      retryAfterMs: 7_000,
      evidence: { response: { status: 503, body: "busy" } },
    })
  })

  test("waits one to five seconds while the target is at work, where it names no time", async () => {
    answer = (_, response) => response.writeHead(409).end()
    const verdict = await call({ url: "/x" }, {}, { profile: "ietf-idempotency" })
    expect(brief(verdict)).toEqual({ class: "ongoing", code: "HTTP_409" })
    const waited = verdict.class === "done" ? 0 : (verdict.retryAfterMs ?? 0)
    expect(waited).toBeGreaterThanOrEqual(1_000)
    expect(waited).toBeLessThanOrEqual(5_000)
  })

  describe("the same 500 under one key", () => {
    /** Attempts one after another, as the frame makes them. */
    async function callTimes(bodies: string[], profile: Profile) {
      let memo: CallRequest["memo"]
      const verdicts = []
      for (const body of bodies) {
        answer = (_, response) => response.writeHead(500).end(body)
        const remember = (one: CallRequest["memo"]) => (memo = one)
        verdicts.push(await call({ url: "/x" }, { memo, remember, before: "unknown" }, { profile }))
      }
      return verdicts
    }
    const again = { class: "unknown", code: "HTTP_500" }

    test("is a stored one when it came three times, where the target keeps replies", async () => {
      const verdicts = await callTimes(["a", "b", "b", "b"], "ietf-idempotency")
      expect(verdicts.map(brief)).toEqual([
        again,
        again,
        again,
        { class: "misconfigured", code: "replayed_error" },
      ])
      expect(verdicts.at(-1)).toMatchObject({ left: "unknown" })
    })

    test.each<[string, string[], Profile]>([
      ["that differs", ["a", "b", "a", "b"], "ietf-idempotency"],
      ["of a target that keeps none", ["b", "b", "b", "b"], "plain"],
    ])("%s is asked again", async (_name, bodies, profile) => {
      expect((await callTimes(bodies, profile)).map(brief)).toEqual(bodies.map(() => again))
    })
  })

  test("knows a reused key by the draft's problem", async () => {
    answer = (_, response) =>
      response
        .writeHead(422, { "content-type": "application/problem+json" })
        .end('{"type":"https://x.test/idempotency","title":"Idempotency-Key is already used"}')
    expect(await call({ url: "/x" })).toMatchObject({
      class: "misconfigured",
      code: "key_reused",
      left: "unknown",
    })
  })

  test("follows no redirect", async () => {
    answer = (request, response) =>
      request.url === "/x" ? response.writeHead(302, { location: "/login" }).end() : response.end("login")
    const verdict = await call({ url: "/x" })
    expect(verdict).toMatchObject({ class: "misconfigured", code: "HTTP_302", left: "unknown" })
    expect(server.received.map(({ url }) => url)).toEqual(["/x"])
  })

  test("a body cut after the head of a success is unknown", async () => {
    answer = (_, response) => {
      response.writeHead(200, { "content-length": "100" })
      response.write("half")
      setImmediate(() => response.destroy())
    }
    const verdict = await call({ url: "/x" })
    expect(verdict).toMatchObject({
      class: "unknown",
      code: "UND_ERR_SOCKET",
      evidence: { response: { status: 200 } },
    })
  })

  test("changes no digit of a reply: what a double does not hold is text", async () => {
    const text = '{"id":9007199254740993,"limit":1e999,"rate":0.1234567890123456789,"total":19.90}'
    answer = (_, response) => response.writeHead(200, { "content-type": "application/json" }).end(text)
    expect(await call({ url: "/x" })).toMatchObject({
      class: "done",
      output: { id: "9007199254740993", limit: "1e999", rate: "0.1234567890123456789", total: 19.9 },
    })
  })

  test("a success whose JSON is broken is unknown: its result is lost", async () => {
    answer = (_, response) => response.writeHead(200, { "content-type": "application/json" }).end('{"a":')
    expect(brief(await call({ url: "/x" }))).toEqual({ class: "unknown", code: "response_unreadable" })
  })

  test("a success whose packing is broken or unknown is unknown too", async () => {
    for (const encoding of ["gzip", "zstd"]) {
      answer = (_, response) => response.writeHead(200, { "content-encoding": encoding }).end("not packed")
      expect(brief(await call({ url: "/x" })), encoding).toEqual({
        class: "unknown",
        code: "response_unreadable",
      })
    }
  })

  test.each([
    ["as it comes", {}, Buffer.alloc(6 * 1024 * 1024, "x")],
    ["unpacked", { "content-encoding": "gzip" }, gzipSync(Buffer.alloc(60 * 1024 * 1024))],
  ])("a success larger than the limit %s was executed, and is a mistake", async (_name, headers, body) => {
    answer = (_, response) => response.writeHead(200, headers).end(body)
    expect(await call({ url: "/x" })).toMatchObject({
      class: "misconfigured",
      code: "response_too_large",
      left: "executed",
    })
  })

  test("reads no endless body", async () => {
    let written = 0
    answer = (_, response) => {
      response.writeHead(200)
      const pour = (): void => {
        while (!response.destroyed) {
          written += 65_536
          if (!response.write(Buffer.alloc(65_536))) return void response.once("drain", pour)
        }
      }
      pour()
    }
    expect(brief(await call({ url: "/x" }))).toEqual({ class: "misconfigured", code: "response_too_large" })
    expect(written).toBeLessThan(32 * 1024 * 1024)
  })

  test("a failure larger than the limit keeps the reading of its status", async () => {
    answer = (_, response) => response.writeHead(402).end(Buffer.alloc(6 * 1024 * 1024))
    expect(brief(await call({ url: "/x" }))).toEqual({ class: "refused", code: "HTTP_402" })
  })

  test("a closed port is not_executed", async () => {
    const base_url = `http://127.0.0.1:${await closedPort()}`
    expect(brief(await call({ url: "/x" }, {}, { base_url }))).toEqual({
      class: "not_executed",
      code: "ECONNREFUSED",
    })
  })

  test("a name without an address is not_executed", async () => {
    const verdict = await call({ url: "/x" }, {}, { base_url: "http://no-such-host.invalid" })
    expect(verdict).toMatchObject({
      class: "not_executed",
      code: expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN)$/),
    })
  })

  test("a connection cut before any reply is unknown", async () => {
    answer = (_request, _response, socket) => socket.destroy()
    expect(brief(await call({ url: "/x" }))).toEqual({ class: "unknown", code: "UND_ERR_SOCKET" })
    answer = (_request, _response, socket) => socket.resetAndDestroy()
    expect(await call({ url: "/x" })).toMatchObject({
      class: "unknown",
      code: expect.stringMatching(/^(ECONNRESET|UND_ERR_SOCKET)$/),
    })
  })

  test("what speaks no HTTP is unknown", async () => {
    const odd = await startTcp((socket) => socket.end("SSH-2.0-odd\r\n"))
    open.push(odd)
    const verdict = await call({ url: "/x" }, {}, { base_url: `http://127.0.0.1:${odd.port}` })
    expect(verdict.class).toBe("unknown")
  })

  test("a TLS handshake with a server that has none is not_executed", async () => {
    const verdict = await call({ url: "/x" }, {}, { base_url: `https://127.0.0.1:${server.port}` })
    expect(verdict.class).toBe("not_executed")
  })

  test("too many header bytes are unknown", async () => {
    answer = (_, response) => response.writeHead(200, { "x-long": "x".repeat(100_000) }).end()
    expect(brief(await call({ url: "/x" }))).toEqual({ class: "unknown", code: "UND_ERR_HEADERS_OVERFLOW" })
  })

  test.each(["attempt_timeout", "attempt_cancelled"] as const)(
    "stops at once on %s, and the outcome is unknown",
    async (code) => {
      answer = () => {}
      const controller = new AbortController()
      const ended = call({ url: "/x" }, { signal: controller.signal, budgetMs: 60_000 })
      await until(() => server.received.length === 1)
      controller.abort(new AttemptAborted(code, "stopped by the test"))
      expect(brief(await ended)).toEqual({ class: "unknown", code })
    },
  )

  test("a slow trickle ends with the attempt", async () => {
    answer = (_, response) => {
      response.writeHead(200)
      const drip = setInterval(() => response.write("."), 20)
      response.on("close", () => clearInterval(drip))
    }
    const controller = new AbortController()
    const timer = setTimeout(() => controller.abort(new AttemptAborted("attempt_timeout", "over")), 150)
    const verdict = await call({ url: "/x" }, { signal: controller.signal })
    clearTimeout(timer)
    expect(brief(verdict)).toEqual({ class: "unknown", code: "attempt_timeout" })
  })

  test("a connection that does not come up within half of the attempt is not_executed", async () => {
    // A TLS handshake that the server never answers.
    const mute = await startTcp(() => {})
    open.push(mute)
    const base_url = `https://127.0.0.1:${mute.port}`
    const verdict = await call({ url: "/x" }, { budgetMs: 200 }, { base_url })
    expect(brief(verdict)).toEqual({ class: "not_executed", code: "UND_ERR_CONNECT_TIMEOUT" })
  })

  test("a guarded address is misconfigured, and nothing is sent to it", async () => {
    const guarded = createHttpClient(closedGuard)
    try {
      for (const host of ["127.0.0.1", "localhost", "[::ffff:7f00:1]", "2130706433"]) {
        const base_url = `http://${host}:${server.port}`
        const connector = createHttpConnector({
          connections: connectionsOf({ name: "shipping", kind: "http", base_url }),
          secrets: secretsOf(),
          guard: closedGuard,
          client: guarded,
        })
        const verdict = await connector.call(createCall({ config: { connection: "shipping", url: "/x" } }))
        expect(brief(verdict), host).toEqual({ class: "misconfigured", code: "address_blocked" })
      }
      expect(server.received).toEqual([])
    } finally {
      await guarded.close()
    }
  })

  test.each([
    ["url_invalid", { url: "//evil.test/x" }],
    ["url_invalid", { url: "http://evil.test/x" }],
    ["url_invalid", {}],
    ["method_invalid", { url: "/x", method: "CONNECT" }],
    ["method_invalid", { url: "/x", method: 7 }],
    ["header_invalid", { url: "/x", headers: { a: "1\r\nb: 2" } }],
    ["header_invalid", { url: "/x", headers: ["a"] }],
    ["header_invalid", { url: "/x", headers: { host: "evil.test" } }],
    ["connection_unknown", { url: "/x", connection: "nowhere" }],
  ])("refuses %s before anything is sent: %j", async (code, config) => {
    await expect(call(config)).rejects.toMatchObject({ name: "Misconfigured", code })
    expect(server.received).toEqual([])
  })

  test("refuses a secret that is missing or no header, without telling it", async () => {
    const missing = call({ url: "/x" }, {}, { headers: { a: { secret: "nowhere" } } })
    await expect(missing).rejects.toMatchObject({
      code: "secret_missing",
      message: expect.stringContaining("nowhere"),
    })
    const broken = call({ url: "/x" }, {}, { headers: { a: { secret: "broken" } } })
    await expect(broken).rejects.toMatchObject({
      code: "header_invalid",
      message: expect.not.stringMatching(/qwv|xyz/),
    })
    expect(server.received).toEqual([])
  })

  test("keeps query parameters whose name says secret out of the evidence", async () => {
    answer = (_, response) => response.end()
    const verdict = await call({
      url: "/x",
      method: "GET",
      query: { api_key: "not-for-the-record", page: 2 },
    })
    expect(JSON.stringify(verdict.evidence)).not.toContain("not-for-the-record")
    expect(server.received[0]?.url).toBe("/x?api_key=not-for-the-record&page=2")
  })

  test("calls a whole URL without a connection, as plain", async () => {
    answer = (_, response) => response.writeHead(409).end()
    const connector = connectorFor()
    const config = { url: `http://127.0.0.1:${server.port}/process` }
    expect(brief(await connector.call(createCall({ config })))).toEqual({
      class: "refused",
      code: "HTTP_409",
    })
  })
})
