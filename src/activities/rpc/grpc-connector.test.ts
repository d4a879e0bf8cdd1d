import { createHash } from "node:crypto"
import { status } from "@grpc/grpc-js"
import { afterEach, describe, expect, test } from "vitest"
import { SHOP_SET, SHOP_SET_WITHOUT_IMPORTS } from "../../connection/shop-descriptor-set.testsuite.ts"
import { type GrpcConnection, type Profile, PROFILES } from "../../contract/connections.ts"
import { AttemptAborted, type CallRequest, type Connector } from "../call.ts"
import {
  brief,
  closedGuard,
  closedPort,
  connectionsOf,
  createCall,
  localGuard,
  secretsOf,
  startTcp,
  until,
} from "../calls.testsuite.ts"
import { createOutboundGuard } from "../outbound/guard.ts"
import { createHttpClient } from "../outbound/http-client.ts"
import { createRpcConnector } from "./connector.ts"
import {
  type GrpcServerOptions,
  metadataOf,
  SHOP_PROTO,
  startGrpc,
  type TestGrpcServer,
} from "./grpc-server.testsuite.ts"

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function serve(options: Partial<GrpcServerOptions> = {}): Promise<TestGrpcServer> {
  const server = await startGrpc({ handler: (_, reply) => reply(null, { payment_id: "p1" }), ...options })
  cleanups.push(() => server.stop())
  return server
}

function connectorTo(port: number, more: Partial<GrpcConnection> = {}, guard = localGuard): Connector {
  const client = createHttpClient(guard)
  const connection = { name: "payment", kind: "grpc", host: "127.0.0.1", port, ...more } as const
  const connector = createRpcConnector({
    connections: connectionsOf(connection),
    secrets: secretsOf({ token: "s3cret-token" }),
    guard,
    client,
  })
  cleanups.push(
    () => client.close(),
    () => connector.close(),
  )
  return connector
}

const charge = (input: unknown = { order_id: "o1" }, parts: Partial<CallRequest> = {}) =>
  createCall({ config: { service: "payment", method: "shop.Payment/Charge" }, input, ...parts })

describe("gRPC by reflection", () => {
  test("calls a method it has never seen, in either spelling, 64 bits exact", async () => {
    const server = await serve({
      handler: (call, reply) =>
        reply(null, {
          payment_id: `p-${String(call.request["order_id"])}`,
          charged_cents: call.request["amount_cents"],
          charged_at: call.request["due_at"],
          notes: { extra: JSON.stringify(call.request["line"]) },
        }),
    })
    const connector = connectorTo(server.port)
    const inputs = [
      {
        order_id: "o1",
        amount_cents: "9007199254740993",
        due_at: "2026-11-21T02:00:00Z",
        line: { sku: "A", kind: "GOODS" },
      },
      {
        orderId: "o1",
        amountCents: "9007199254740993",
        dueAt: "2026-11-21T02:00:00Z",
        line: { sku: "A", kind: 1 },
      },
    ]
    for (const input of inputs)
      expect(await connector.call(charge(input))).toMatchObject({
        class: "done",
        output: {
          payment_id: "p-o1",
          charged_cents: "9007199254740993",
          replayed: false,
          charged_at: "2026-11-21T02:00:00Z",
          notes: { extra: '{"sku":"A","kind":"GOODS"}' },
        },
      })
  })

  test("sends key, trace, identity and the connection's metadata, and keeps evidence", async () => {
    const server = await serve()
    const request = charge({ order_id: "o1" })
    const verdict = await connectorTo(server.port, { metadata: { authorization: { secret: "token" } } }).call(
      request,
    )
    const sent = server.calls[0]?.metadata
    expect(sent?.get("idempotency-key")).toEqual([request.key])
    expect(sent?.get("x-holdfast-transaction")).toEqual(["order-1"])
    expect(sent?.get("authorization")).toEqual(["s3cret-token"])
    expect(sent?.get("traceparent")[0]).toMatch(/^00-/)
    expect(verdict.evidence).toMatchObject({
      request: {
        method: "shop.Payment/Charge",
        message: { order_id: "o1" },
        descriptors: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
      response: { status: "OK" },
      peer: `127.0.0.1:${server.port}`,
      bytesSent: 4,
    })
  })

  test("tells the server the deadline", async () => {
    const server = await serve()
    await connectorTo(server.port).call(charge())
    const deadline = Number(server.calls[0]?.getDeadline())
    expect(deadline - Date.now()).toBeGreaterThan(3_000)
    expect(deadline - Date.now()).toBeLessThan(5_000)
  })

  test("reflects once for many calls", async () => {
    const server = await serve()
    const connector = connectorTo(server.port)
    for (let call = 0; call < 10; call++)
      expect(brief(await connector.call(charge()))).toEqual({ class: "done" })
    expect(server.calls).toHaveLength(10)
    expect(server.reflections).toBe(1)
  })

  test("asks a server that has only v1alpha", async () => {
    const server = await serve({ reflection: "v1alpha" })
    expect(brief(await connectorTo(server.port).call(charge()))).toEqual({ class: "done" })
  })

  test.each([
    ["an unknown field", { order_idd: "o1" }, /order_idd/],
    ["a wrong type", { amount_cents: "many" }, /amount_cents/],
    ["an unknown enum value", { line: { kind: "SERVICES" } }, /SERVICES/],
    ["text", "o1", /ChargeRequest/],
  ])("refuses %s before it calls", async (_name, input, said) => {
    const server = await serve()
    const verdict = await connectorTo(server.port).call(charge(input))
    expect(verdict).toMatchObject({
      class: "misconfigured",
      code: "request_invalid",
      message: expect.stringMatching(said),
    })
    expect(server.calls).toHaveLength(0)
  })

  test("sends an empty message for no input", async () => {
    const server = await serve()
    expect(brief(await connectorTo(server.port).call(charge(undefined)))).toEqual({ class: "done" })
  })

  /** Transactions reference, 6.3; the class under each profile, where they differ. */
  test.each<[row: string, status[], string | Record<Profile, string>]>([
    [
      "what only the business's code says",
      [status.INVALID_ARGUMENT, status.OUT_OF_RANGE, status.NOT_FOUND, status.ALREADY_EXISTS],
      "refused",
    ],
    [
      "a condition that is not met",
      [status.FAILED_PRECONDITION],
      { plain: "refused", "ietf-idempotency": "refused", dtm: "ongoing" },
    ],
    [
      "a conflict with another call",
      [status.ABORTED],
      { plain: "not_executed", "ietf-idempotency": "not_executed", dtm: "refused" },
    ],
    ["no room, and no word when to come back", [status.RESOURCE_EXHAUSTED], "unknown"],
    [
      "a method that is not there, credentials that do not do",
      [status.UNIMPLEMENTED, status.UNAUTHENTICATED, status.PERMISSION_DENIED],
      "misconfigured",
    ],
    ["away, which is said after the work too", [status.UNAVAILABLE], "unknown"],
    [
      "ends that say nothing of the work",
      [status.DEADLINE_EXCEEDED, status.CANCELLED, status.UNKNOWN, status.INTERNAL, status.DATA_LOSS],
      "unknown",
    ],
  ])("%s", async (_row, codes, expected) => {
    let code = status.OK
    const server = await serve({ handler: (_, reply) => reply({ code, details: "why" }) })
    for (const profile of PROFILES) {
      const connector = connectorTo(server.port, { profile })
      for (code of codes) {
        server.calls.length = 0
        const verdict = await connector.call(charge())
        const wanted = typeof expected === "string" ? expected : expected[profile]
        expect(brief(verdict), profile).toEqual({ class: wanted, code: `GRPC_${status[code]}` })
        expect(verdict.evidence.response).toEqual({ status: status[code], details: "why" })
        expect(server.calls).toHaveLength(1)
      }
    }
  })

  test("a handler that throws is unknown", async () => {
    const server = await serve({
      handler: () => {
        throw new Error("bug")
      },
    })
    expect(brief(await connectorTo(server.port).call(charge()))).toEqual({
      class: "unknown",
      code: "GRPC_UNKNOWN",
    })
  })

  test("a success whose reply cannot be read was executed", async () => {
    const proto = SHOP_PROTO.replace("bool replayed = 3;", "google.protobuf.Value rate = 3;")
    // What JSON cannot hold.
    const rate = { number_value: Number.NaN }
    const server = await serve({ proto, handler: (_, reply) => reply(null, { rate }) })
    expect(await connectorTo(server.port).call(charge())).toMatchObject({
      class: "misconfigured",
      code: "response_unreadable",
      left: "executed",
    })
  })

  test("a reply over the limit is a mistake that leaves open how the call ended, and is called once", async () => {
    const server = await serve({
      handler: (_, reply) => reply(null, { payment_id: "x".repeat(6 * 1024 * 1024) }),
    })
    expect(await connectorTo(server.port).call(charge())).toMatchObject({
      class: "misconfigured",
      code: "response_too_large",
      left: "unknown",
    })
    expect(server.calls).toHaveLength(1)
  })

  test("waits as long as an exhausted server asks for", async () => {
    const metadata = metadataOf({ "grpc-retry-pushback-ms": "1500" })
    const server = await serve({
      handler: (_, reply) => reply({ code: status.RESOURCE_EXHAUSTED, details: "busy", metadata }),
    })
    expect(await connectorTo(server.port).call(charge())).toMatchObject({
      class: "not_executed",
      code: "GRPC_RESOURCE_EXHAUSTED",
      retryAfterMs: 1_500,
    })
  })

  test("a closed port is not_executed, and the next attempt finds the server that came up", async () => {
    const port = await closedPort()
    const connector = connectorTo(port)
    expect(brief(await connector.call(charge()))).toEqual({ class: "not_executed", code: "ECONNREFUSED" })
    const server = await serve({ port })
    expect(brief(await connector.call(charge()))).toEqual({ class: "done" })
    expect(server.calls).toHaveLength(1)
  })

  /** Both ends of all connections are in this process. */
  const connectionsGone = () => until(() => !process.getActiveResourcesInfo().includes("TCPSocketWrap"))

  test("a server that is gone between two calls is not_executed, and the next attempt finds its successor", async () => {
    const first = await serve()
    const connector = connectorTo(first.port)
    expect(brief(await connector.call(charge()))).toEqual({ class: "done" })
    first.stop()
    await connectionsGone()
    expect(brief(await connector.call(charge()))).toEqual({ class: "not_executed", code: "ECONNREFUSED" })
    const second = await serve({ port: first.port })
    expect(brief(await connector.call(charge()))).toEqual({ class: "done" })
    second.stop()
    await connectionsGone()
    await serve({ port: first.port })
    expect(brief(await connector.call(charge()))).toEqual({ class: "done" })
  })

  test("a server that dies in the middle of a call is unknown", async () => {
    const server = await serve({ handler: () => {} })
    const ended = connectorTo(server.port).call(charge())
    await until(() => server.calls.length === 1)
    server.stop()
    expect(await ended).toMatchObject({
      class: "unknown",
      code: expect.stringMatching(/^GRPC_(UNAVAILABLE|CANCELLED)$/),
    })
  })

  test("a deadline that passes is unknown, and the server sees the call end", async () => {
    const server = await serve({ handler: () => {} })
    const verdict = await connectorTo(server.port).call(charge({}, { budgetMs: 500 }))
    expect(brief(verdict)).toEqual({ class: "unknown", code: "GRPC_DEADLINE_EXCEEDED" })
    await until(() => server.calls[0]?.cancelled === true)
  })

  test("a cancelled attempt cancels the call", async () => {
    const server = await serve({ handler: () => {} })
    const controller = new AbortController()
    const ended = connectorTo(server.port).call(charge({}, { signal: controller.signal, budgetMs: 60_000 }))
    await until(() => server.calls.length === 1)
    controller.abort(new AttemptAborted("attempt_cancelled", "stopped by the test"))
    expect(brief(await ended)).toEqual({ class: "unknown", code: "attempt_cancelled" })
    await until(() => server.calls[0]?.cancelled === true)
  })

  test("a server that takes connections and says nothing is not_executed", async () => {
    const mute = await startTcp(() => {})
    cleanups.push(() => mute.close())
    const verdict = await connectorTo(mute.port).call(charge({}, { budgetMs: 400 }))
    expect(verdict.class).toBe("not_executed")
  })

  test("names a service, a method or a stream that cannot be called", async () => {
    const server = await serve()
    const connector = connectorTo(server.port)
    const codeOf = async (method: unknown) =>
      brief(await connector.call(createCall({ config: { service: "payment", method } })))
    expect(await codeOf("shop.Nowhere/Charge")).toEqual({
      class: "misconfigured",
      code: "grpc_service_unknown",
    })
    expect(await codeOf("shop.Payment/Nothing")).toEqual({
      class: "misconfigured",
      code: "grpc_method_unknown",
    })
    expect(await codeOf("shop.Payment/Watch")).toEqual({ class: "misconfigured", code: "grpc_streaming" })
    await expect(codeOf("Charge")).rejects.toMatchObject({ code: "grpc_method_invalid" })
    expect(server.calls).toHaveLength(0)
  })

  test("says so when a server has no reflection", async () => {
    const server = await serve({ reflection: "none" })
    expect(brief(await connectorTo(server.port).call(charge()))).toEqual({
      class: "misconfigured",
      code: "grpc_no_reflection",
    })
  })

  test("reads the descriptors again when a request does not fit: the server may be newer", async () => {
    const old = await serve({ proto: SHOP_PROTO.replace("string order_id = 1;", "") })
    const connector = connectorTo(old.port)
    expect(brief(await connector.call(charge({ amount_cents: 1 })))).toEqual({ class: "done" })
    expect(brief(await connector.call(charge()))).toEqual({ class: "misconfigured", code: "request_invalid" })
    old.stop()
    await connectionsGone()
    const renewed = await serve({ port: old.port })
    expect(brief(await connector.call(charge()))).toEqual({ class: "done" })
    expect(renewed.calls).toHaveLength(1)
  })

  test("asks the resolver again after an address was refused", async () => {
    const server = await serve()
    const addresses = ["10.0.0.5", "127.0.0.1"]
    const guard = createOutboundGuard({
      allowLoopback: true,
      resolver: () => Promise.resolve([{ address: addresses.shift() ?? "", family: 4 }]),
    })
    const connector = connectorTo(server.port, { host: "payment.test" }, guard)
    expect(brief(await connector.call(charge()))).toEqual({ class: "misconfigured", code: "address_blocked" })
    expect(brief(await connector.call(charge()))).toEqual({ class: "done" })
  })

  test("a guarded address is misconfigured, and nothing is dialled", async () => {
    const server = await serve()
    for (const host of ["127.0.0.1", "localhost", "::1"]) {
      const verdict = await connectorTo(server.port, { host }, closedGuard).call(charge())
      expect(brief(verdict), host).toEqual({ class: "misconfigured", code: "address_blocked" })
    }
    expect(server.calls).toHaveLength(0)
  })

  test("refuses metadata that cannot be sent", async () => {
    const server = await serve()
    for (const metadata of [{ "grpc-timeout": "1S" }, { "x-bin": "a" }, { x: "ä" }, { x: "a\r\nb" }])
      await expect(
        connectorTo(server.port, { metadata }).call(charge()),
        JSON.stringify(metadata),
      ).rejects.toMatchObject({
        code: "header_invalid",
      })
  })
})

describe("gRPC by the connection's descriptor set", () => {
  const withSet = { descriptor_set: SHOP_SET }

  test("calls a server that has no reflection, and keeps the set's hash", async () => {
    const server = await serve({
      reflection: "none",
      handler: (call, reply) =>
        reply(null, { payment_id: "p1", charged_cents: call.request["amount_cents"] }),
    })
    const input = { order_id: "o1", amountCents: "9007199254740993" }
    const verdict = await connectorTo(server.port, withSet).call(charge(input))
    expect(verdict).toMatchObject({
      class: "done",
      output: { payment_id: "p1", charged_cents: "9007199254740993", replayed: false },
    })
    const sha256 = createHash("sha256").update(Buffer.from(SHOP_SET, "base64")).digest("hex")
    expect(verdict.evidence).toMatchObject({ request: { descriptors: sha256 } })
  })

  test("asks a server for no reflection, also when the input does not fit", async () => {
    const server = await serve()
    const connector = connectorTo(server.port, withSet)
    expect(brief(await connector.call(charge()))).toEqual({ class: "done" })
    expect(brief(await connector.call(charge({ nothing: 1 })))).toEqual({
      class: "misconfigured",
      code: "request_invalid",
    })
    expect(server.reflections).toBe(0)
    expect(server.calls).toHaveLength(1)
  })

  test("names what the set has when it has not what the task wants", async () => {
    const server = await serve({ reflection: "none" })
    const connector = connectorTo(server.port, withSet)
    const call = (method: string) => connector.call(createCall({ config: { service: "payment", method } }))
    expect(await call("shop.Refunds/Refund")).toMatchObject({
      class: "misconfigured",
      code: "grpc_service_unknown",
      message: "the descriptors define no service shop.Refunds; they define shop.Payment",
    })
    expect(await call("shop.Payment/Refund")).toMatchObject({
      class: "misconfigured",
      code: "grpc_method_unknown",
      message: "shop.Payment has no method Refund; it has Charge, Watch",
    })
    expect(brief(await call("shop.Payment/Watch"))).toEqual({
      class: "misconfigured",
      code: "grpc_streaming",
    })
    expect(server.calls).toHaveLength(0)
  })

  test("is misconfigured where the server has another build", async () => {
    const proto = SHOP_PROTO.replaceAll("Charge (", "Debit (")
    const server = await serve({ reflection: "none", proto })
    expect(brief(await connectorTo(server.port, withSet).call(charge()))).toEqual({
      class: "misconfigured",
      code: "GRPC_UNIMPLEMENTED",
    })
  })

  test.each([
    ["without its imports", SHOP_SET_WITHOUT_IMPORTS, /timestamp\.proto/],
    ["of garbage", "Z2FyYmFnZQ==", /no FileDescriptorSet/],
  ])("is misconfigured with a set %s", async (_what, descriptor_set, reason) => {
    const server = await serve()
    // Nothing was sent, so the frame takes it for misconfigured.
    await expect(connectorTo(server.port, { descriptor_set }).call(charge())).rejects.toMatchObject({
      name: "Misconfigured",
      code: "grpc_descriptors_invalid",
      message: expect.stringMatching(reason),
    })
    expect(server.calls).toHaveLength(0)
  })
})
