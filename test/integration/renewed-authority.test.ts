/** A service over gRPC with mutual TLS whose authority is another one than the connection's, through the whole product. */
import { setTimeout as sleep } from "node:timers/promises"
import { ServerCredentials } from "@grpc/grpc-js"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { createAuthority, openssl } from "../../src/activities/outbound/certificates.testsuite.ts"
import { startGrpc, type TestGrpcServer } from "../../src/activities/rpc/grpc-server.testsuite.ts"
import { createTestDatabase } from "../helpers/database.ts"
import { createNode } from "../helpers/holdfast-node.ts"
import { createNodeApi, type NodeApi } from "../helpers/node-api.ts"
import { testTemporal } from "../helpers/temporal.ts"

/** A worker reads connections again when they are older than this. */
const FRESH_MS = 2_000

const stops: (() => unknown)[] = []
let server: TestGrpcServer
let api: NodeApi

describe.skipIf(openssl === undefined)("a server's new authority", () => {
  const [old, renewed, clients] = [
    createAuthority("old"),
    createAuthority("renewed"),
    createAuthority("clients"),
  ]
  const own = clients.issue({ names: "DNS:holdfast", commonName: "holdfast" })

  beforeAll(async () => {
    const { key, cert } = renewed.issue({ names: "IP:127.0.0.1" })
    server = await startGrpc({
      handler: (_, reply) => reply(null, { payment_id: "p1" }),
      credentials: ServerCredentials.createSsl(
        Buffer.from(clients.cert),
        [{ private_key: Buffer.from(key), cert_chain: Buffer.from(cert) }],
        true,
      ),
    })
    stops.push(() => server.stop())
    const database = await createTestDatabase()
    stops.push(() => database.drop())
    const temporal = await testTemporal()
    const node = await createNode({
      databaseUrl: database.url,
      temporalAddress: temporal.address,
      namespace: temporal.namespace,
      connections: [],
      secrets: { client_key: own.key },
    })
    stops.push(() => node.stop())
    await node.start()
    api = createNodeApi(node.url)
  })
  afterAll(async () => {
    for (const stop of stops.splice(0).toReversed()) await stop()
  })

  const trusting = (ca: string) => ({
    name: "payment",
    kind: "grpc",
    host: "127.0.0.1",
    port: server.port,
    tls: true,
    ca,
    cert: own.cert,
    key_secret: "client_key",
  })

  test("27: that the connection does not know is an exception of the configuration; once it does, a retry succeeds", async () => {
    expect(await api.post("/connections", trusting(old.cert))).toMatchObject({ status: 201 })
    await api.publish({
      name: "paid",
      tasks: [
        {
          id: "pay",
          task_name: "rpc",
          config: { service: "payment", method: "shop.Payment/Charge" },
          input: { order_id: "o1" },
          effect: "unsafe",
        },
      ],
    })
    await api.start("paid", "o1")
    await api.reaches("o1", "blocked")
    const exception = await api.exceptionOf("o1")
    expect(exception).toMatchObject({
      kind: "misconfigured",
      outcome: "not_executed",
      error_code: expect.stringMatching(/SIGNATURE|VERIFY|SELF_SIGNED|ISSUER/),
      error_message: expect.stringMatching(
        new RegExp(`TLS with 127\\.0\\.0\\.1:${server.port}: .*certificate`),
      ),
    })
    expect(server.calls).toEqual([])

    expect(await api.put("/connections/payment", trusting(renewed.cert))).toMatchObject({ status: 200 })
    await sleep(FRESH_MS)
    expect(await api.post(`/exceptions/${exception.id}/retry`)).toMatchObject({ status: 200 })
    await api.reaches("o1", "success")
    expect(server.calls).toHaveLength(1)
  })
})
