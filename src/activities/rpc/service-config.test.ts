/** A service config that has every call retried, which gRPC takes from its resolver or from whoever makes the channel. */
import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js"
import { afterEach, expect, test, vi } from "vitest"
import { brief, connectionsOf, createCall, localGuard, secretsOf } from "../calls.testsuite.ts"
import { createHttpClient } from "../outbound/http-client.ts"
import { createRpcConnector } from "./connector.ts"
import { startGrpc } from "./grpc-server.testsuite.ts"

const RETRYING = {
  "grpc.service_config": JSON.stringify({
    loadBalancingConfig: [],
    methodConfig: [
      {
        name: [{ service: "shop.Payment" }],
        retryPolicy: {
          maxAttempts: 4,
          initialBackoff: "0.01s",
          maxBackoff: "0.02s",
          backoffMultiplier: 1,
          retryableStatusCodes: ["UNAVAILABLE"],
        },
      },
    ],
  }),
}

// Every channel of this file has it, whoever makes the channel.
vi.mock("@grpc/grpc-js", async (importOriginal) => {
  const original = await importOriginal<typeof import("@grpc/grpc-js")>()
  class Configured extends original.Client {
    constructor(...[address, channelCredentials, options]: ConstructorParameters<typeof Client>) {
      super(address, channelCredentials, { ...options, ...RETRYING })
    }
  }
  return { ...original, Client: Configured }
})

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

test("25: a service config that retries is there, and the server sees one call for each attempt", async () => {
  const server = await startGrpc({ handler: (_, reply) => reply({ code: status.UNAVAILABLE }) })
  cleanups.push(() => server.stop())

  // By itself the library goes by it.
  const plain = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure())
  cleanups.push(() => plain.close())
  const asIs = (bytes: Buffer) => bytes
  const error = await new Promise<ServiceError | null>((resolve) => {
    plain.makeUnaryRequest("/shop.Payment/Charge", asIs, asIs, Buffer.alloc(0), resolve)
  })
  expect(error?.code).toBe(status.UNAVAILABLE)
  expect(server.calls).toHaveLength(4)

  const client = createHttpClient(localGuard)
  const connector = createRpcConnector({
    connections: connectionsOf({ name: "payment", kind: "grpc", host: "127.0.0.1", port: server.port }),
    secrets: secretsOf(),
    guard: localGuard,
    client,
  })
  cleanups.push(
    () => client.close(),
    () => connector.close(),
  )
  for (const attempt of [1, 2]) {
    server.calls.length = 0
    const config = { service: "payment", method: "shop.Payment/Charge" }
    expect(brief(await connector.call(createCall({ config, input: { order_id: "o1" } })))).toEqual({
      class: "unknown",
      code: "GRPC_UNAVAILABLE",
    })
    expect(server.calls, `attempt ${attempt}`).toHaveLength(1)
  }
})
