/** Certificates that are not trusted: a deploy mistake for every protocol, named by its code. */
import { spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import path from "node:path"
import { createServer as createTlsServer, TLSSocket } from "node:tls"
import { ServerCredentials } from "@grpc/grpc-js"
import { afterEach, describe, expect, test } from "vitest"
import { findOptionalServer } from "../../../test/helpers/optional-server.ts"
import type { Connection } from "../../contract/connections.ts"
import { brief, connectionsOf, createCall, localGuard, secretsOf, startTcp } from "../calls.testsuite.ts"
import { createHttpConnector } from "../http/connector.ts"
import { createMqConnector } from "../mq/connector.ts"
import { createRpcConnector } from "../rpc/connector.ts"
import { startGrpc } from "../rpc/grpc-server.testsuite.ts"
import { createHttpClient } from "./http-client.ts"

const openssl = findOptionalServer("openssl")
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

interface Certificate {
  key: string
  cert: string
}

function selfSigned(names: string): Certificate {
  const directory = mkdtempSync(path.join(tmpdir(), "holdfast-tls-"))
  try {
    const [key, cert] = [path.join(directory, "key.pem"), path.join(directory, "cert.pem")]
    const options = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test -addext subjectAltName=${names} -keyout ${key} -out ${cert}`
    const { status, stderr } = spawnSync(openssl ?? "openssl", options.split(" "), { encoding: "utf8" })
    if (status !== 0) throw new Error(`openssl: ${stderr}`)
    return { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function connectorsFor(connection: Connection) {
  const client = createHttpClient(localGuard)
  const deps = {
    connections: connectionsOf(connection),
    secrets: secretsOf({ rabbit: "s3cret" }),
    guard: localGuard,
    client,
  }
  const connectors = {
    http: createHttpConnector(deps),
    rpc: createRpcConnector(deps),
    mq: createMqConnector(deps),
  }
  cleanups.push(
    () => client.close(),
    () => connectors.rpc.close(),
    () => connectors.mq.close(),
  )
  return connectors
}

async function startTls(certificate: Certificate): Promise<number> {
  const server = createTlsServer(certificate, (socket) => socket.destroy())
  server.on("tlsClientError", () => undefined)
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  cleanups.push(() => server.close())
  // Listening on a port makes it an address with a port.
  return (server.address() as AddressInfo).port
}

/** NATS says what it wants before it speaks TLS. */
async function startNatsTls({ key, cert }: Certificate): Promise<number> {
  const server = await startTcp((socket) => {
    socket.write(
      `INFO ${JSON.stringify({ version: "2.10.0", proto: 1, headers: true, tls_required: true, max_payload: 1_024 })}\r\n`,
    )
    const secured = new TLSSocket(socket, { isServer: true, key, cert })
    secured.on("error", () => undefined)
    secured.on("data", () => secured.destroy())
  })
  cleanups.push(() => server.close())
  return server.port
}

describe.skipIf(openssl === undefined)("a certificate that is not trusted", () => {
  const untrusted = { class: "misconfigured", code: "DEPTH_ZERO_SELF_SIGNED_CERT" }

  test("is misconfigured over https", async () => {
    const port = await startTls(selfSigned("IP:127.0.0.1"))
    const { http } = connectorsFor({ name: "web", kind: "http", base_url: `https://127.0.0.1:${port}` })
    expect(brief(await http.call(createCall({ config: { connection: "web", url: "/x" } })))).toEqual(
      untrusted,
    )
  })

  test("is misconfigured over MQTT", async () => {
    const port = await startTls(selfSigned("IP:127.0.0.1"))
    const { mq } = connectorsFor({ name: "events", kind: "mqtt", host: "127.0.0.1", port, tls: true })
    expect(brief(await mq.call(createCall({ config: { connection: "events", topic: "t" } })))).toEqual(
      untrusted,
    )
  })

  test("is misconfigured over AMQP, unless it is the connection's", async () => {
    const certificate = selfSigned("IP:127.0.0.1")
    const port = await startTls(certificate)
    const publish = async (more: { ca?: string } = {}) => {
      const at = { host: "127.0.0.1", port, tls: true, username: "app", password_secret: "rabbit" }
      const { mq } = connectorsFor({ name: "events", kind: "rabbitmq", ...at, ...more })
      return brief(await mq.call(createCall({ config: { connection: "events", topic: "t" } })))
    }
    expect(await publish()).toEqual(untrusted)
    // The server ends it then.
    expect(await publish({ ca: certificate.cert })).toEqual({ class: "not_executed", code: "CONN_CLOSE" })
  })

  test("is misconfigured over NATS, unless it is the connection's, for the right name", async () => {
    const certificate = selfSigned("DNS:localhost")
    const port = await startNatsTls(certificate)
    const publish = async (more: { host: string; ca?: string }) => {
      const { mq } = connectorsFor({ name: "events", kind: "nats", port, tls: true, ...more })
      return brief(await mq.call(createCall({ config: { connection: "events", topic: "t" } })))
    }
    expect(await publish({ host: "localhost" })).toEqual(untrusted)
    expect(await publish({ host: "127.0.0.1", ca: certificate.cert })).toEqual({
      class: "misconfigured",
      code: "ERR_TLS_CERT_ALTNAME_INVALID",
    })
    // The server ends it then.
    expect(await publish({ host: "localhost", ca: certificate.cert })).toEqual({
      class: "not_executed",
      code: "connection_lost",
    })
  })

  test("is misconfigured over gRPC, unless its authority or it is the connection's, for the right name", async () => {
    const certificate = selfSigned("DNS:localhost")
    const credentials = ServerCredentials.createSsl(null, [
      { private_key: Buffer.from(certificate.key), cert_chain: Buffer.from(certificate.cert) },
    ])
    const server = await startGrpc({ credentials, handler: (_, reply) => reply(null, { payment_id: "p1" }) })
    cleanups.push(() => server.stop())
    const charge = async (more: { host: string; ca?: string }) => {
      const { rpc } = connectorsFor({ name: "payment", kind: "grpc", port: server.port, tls: true, ...more })
      const config = { service: "payment", method: "shop.Payment/Charge" }
      return brief(await rpc.call(createCall({ config, input: { order_id: "o1" } })))
    }
    expect(await charge({ host: "localhost" })).toEqual(untrusted)
    expect(await charge({ host: "localhost", ca: selfSigned("DNS:localhost").cert })).toEqual({
      class: "misconfigured",
      code: expect.stringMatching(/SELF_SIGNED_CERT|UNABLE_TO_VERIFY|SIGNATURE/),
    })
    expect(await charge({ host: "127.0.0.1", ca: certificate.cert })).toEqual({
      class: "misconfigured",
      code: "ERR_TLS_CERT_ALTNAME_INVALID",
    })
    expect(server.calls).toHaveLength(0)
    expect(await charge({ host: "localhost", ca: certificate.cert })).toEqual({ class: "done" })
  })
})
