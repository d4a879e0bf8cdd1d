/** Servers that ask for a certificate, over each kind that can be served in this process. */
import { once } from "node:events"
import { createServer as createHttpsServer } from "node:https"
import type { AddressInfo, Server } from "node:net"
import { createServer as createTlsServer, type TlsOptions as ServerOptions, TLSSocket } from "node:tls"
import { ServerCredentials } from "@grpc/grpc-js"
import { Aedes } from "aedes"
import { afterEach, describe, expect, test } from "vitest"
import type { Connection } from "../../contract/connections.ts"
import type { Verdict } from "../call.ts"
import { connectionsOf, createCall, localGuard } from "../calls.testsuite.ts"
import { createHttpConnector } from "../http/connector.ts"
import { createMqConnector } from "../mq/connector.ts"
import { createRpcConnector } from "../rpc/connector.ts"
import { startGrpc } from "../rpc/grpc-server.testsuite.ts"
import { createSecretStore } from "../secrets.ts"
import { type Certificate, createAuthority, openssl } from "./certificates.testsuite.ts"
import { createHttpClient } from "./http-client.ts"

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** As the server saw them: subjects of the clients' certificates. */
interface TestServer {
  port: number
  clients: string[]
}

type Kind = "http" | "http-rpc" | "grpc" | "mqtt"
const KINDS: Kind[] = ["http", "http-rpc", "grpc", "mqtt"]

interface ServerIdentity extends Certificate {
  /** Who may sign the clients' certificates; without it none is asked for. */
  ca?: string
  maxVersion?: ServerOptions["maxVersion"]
}

async function listen(server: Server): Promise<number> {
  const sockets = new Set<{ destroy(): void }>()
  server.on("connection", (socket: { destroy(): void }) => sockets.add(socket))
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  // Listening on a port makes it an address with a port.
  return (server.address() as AddressInfo).port
}

async function serve(kind: Kind, { ca, ...identity }: ServerIdentity): Promise<TestServer> {
  const options = { ...identity, ...(ca === undefined ? {} : { ca, requestCert: true }) }
  const clients: string[] = []
  const see = (socket: unknown): void => {
    const subject = socket instanceof TLSSocket ? socket.getPeerCertificate().subject : undefined
    clients.push(String(subject?.CN ?? "nobody"))
  }
  if (kind === "grpc") {
    const credentials = ServerCredentials.createSsl(
      ca === undefined ? null : Buffer.from(ca),
      [{ private_key: Buffer.from(identity.key), cert_chain: Buffer.from(identity.cert) }],
      ca !== undefined,
    )
    const server = await startGrpc({
      credentials,
      handler: (call, reply) => {
        clients.push(String(call.getAuthContext().sslPeerCertificate?.subject.CN ?? "nobody"))
        reply(null, { payment_id: "p1" })
      },
    })
    cleanups.push(() => server.stop())
    return { port: server.port, clients }
  }
  if (kind === "mqtt") {
    const broker = await Aedes.createBroker()
    cleanups.push(() => new Promise<void>((resolve) => broker.close(resolve)))
    const server = createTlsServer(options, (socket) => {
      see(socket)
      broker.handle(socket)
    })
    return { port: await listen(server), clients }
  }
  const server = createHttpsServer(options, (request, response) => {
    see(request.socket)
    request.resume()
    response.setHeader("content-type", "application/json")
    response.end("{}")
  })
  return { port: await listen(server), clients }
}

interface Target {
  kind: Kind
  port: number
  host?: string
  settings?: { ca?: string; cert?: string; key_secret?: string; server_name?: string }
  secrets?: Record<string, string>
}

function callerOf({ kind, port, host = "127.0.0.1", settings = {}, secrets = {} }: Target) {
  const base = { name: "target", ...settings }
  const connection: Connection =
    kind === "http"
      ? { ...base, kind, base_url: `https://${host}:${port}` }
      : kind === "mqtt"
        ? { ...base, kind, host, port, tls: true, protocol: "3.1.1" }
        : { ...base, kind, host, port, tls: true }
  const client = createHttpClient(localGuard)
  const deps = {
    connections: connectionsOf(connection),
    secrets: createSecretStore((name) => secrets[name]),
    guard: localGuard,
    client,
  }
  const connector = {
    http: createHttpConnector,
    "http-rpc": createRpcConnector,
    grpc: createRpcConnector,
    mqtt: createMqConnector,
  }[kind](deps)
  cleanups.push(
    () => client.close(),
    () => connector.close(),
  )
  const config = {
    http: { connection: "target", url: "/x" },
    "http-rpc": { service: "target", method: "charge" },
    grpc: { service: "target", method: "shop.Payment/Charge" },
    mqtt: { connection: "target", topic: "t" },
  }[kind]
  return () => connector.call(createCall({ config, input: kind === "grpc" ? { order_id: "o1" } : {} }))
}

/** What a connector throws was found before anything was sent; the frame takes it for misconfigured. */
async function outcomeOf(call: () => Promise<Verdict>): Promise<string> {
  try {
    const verdict = await call()
    return verdict.class === "done" ? "done" : `${verdict.class} ${verdict.code}`
  } catch (thrown) {
    return thrown instanceof Error && "code" in thrown
      ? `misconfigured ${String(thrown.code)}`
      : String(thrown)
  }
}

const NAMES = "DNS:payment.test,IP:127.0.0.1"

describe.skipIf(openssl === undefined).each(KINDS)("TLS over %s", (kind) => {
  test("shows the client's certificate, under the authority that the connection names", async () => {
    const [servers, clients] = [createAuthority("servers"), createAuthority("clients")]
    const own = clients.issue({ names: "DNS:holdfast", commonName: "holdfast" })
    const server = await serve(kind, { ...servers.issue({ names: NAMES }), ca: clients.cert })
    const settings = { ca: servers.cert, cert: own.cert, key_secret: "key" }
    const call = callerOf({ kind, port: server.port, settings, secrets: { key: own.key } })
    expect(await outcomeOf(call)).toBe("done")
    expect(server.clients).toEqual(["holdfast"])
  })

  test("is misconfigured where the server's authority is another, its time is over, or its name is not the host's", async () => {
    const authority = createAuthority()
    const outcome = async (identity: Certificate, settings: Target["settings"]) => {
      const server = await serve(kind, identity)
      const end = await outcomeOf(callerOf({ kind, port: server.port, ...(settings ? { settings } : {}) }))
      if (end !== "done") expect(server.clients).toEqual([])
      return end
    }
    const good = authority.issue({ names: NAMES })
    const trusting = { ca: authority.cert }
    expect(await outcome(good, trusting)).toBe("done")
    expect(await outcome(good, { ...trusting, server_name: "payment.test" })).toBe("done")
    expect(await outcome(good, { ca: createAuthority("authority").cert })).toMatch(
      /^misconfigured .*(SIGNATURE|VERIFY|SELF_SIGNED|ISSUER)/,
    )
    expect(await outcome(authority.issue({ names: NAMES, validity: "expired" }), trusting)).toBe(
      "misconfigured CERT_HAS_EXPIRED",
    )
    const misnamed = "misconfigured ERR_TLS_CERT_ALTNAME_INVALID"
    expect(await outcome(good, { ...trusting, server_name: "other.test" })).toBe(misnamed)
    expect(await outcome(authority.issue({ names: "DNS:payment.test" }), trusting)).toBe(misnamed)
    // It would be good for the host.
    expect(
      await outcome(authority.issue({ names: "IP:127.0.0.1" }), { ...trusting, server_name: "payment.test" }),
    ).toBe(misnamed)
  })

  test("is misconfigured where the server asks for a certificate and gets none", async () => {
    const [servers, clients] = [createAuthority("servers"), createAuthority("clients")]
    const identity = { ...servers.issue({ names: NAMES }), ca: clients.cert }
    const server = await serve(kind, identity)
    const call = callerOf({ kind, port: server.port, settings: { ca: servers.cert } })
    // Judged by the server after our side of the handshake is over.
    expect(await outcomeOf(call)).toBe("misconfigured ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED")
    expect(await outcomeOf(call)).toBe("misconfigured ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED")
    expect(server.clients).toEqual([])
  })

  test("is not executed where the server gets a certificate of an authority that it does not know", async () => {
    const [servers, clients, others] = [createAuthority("s"), createAuthority("c"), createAuthority("o")]
    const stranger = others.issue({ names: "DNS:holdfast" })
    // A server on Node lets the handshake pass and then hangs up, in TLS 1.2 as a part of it.
    const identity = { ...servers.issue({ names: NAMES }), ca: clients.cert, maxVersion: "TLSv1.2" } as const
    const server = await serve(kind, identity)
    const settings = { ca: servers.cert, cert: stranger.cert, key_secret: "key" }
    const call = callerOf({ kind, port: server.port, settings, secrets: { key: stranger.key } })
    expect(await outcomeOf(call)).toMatch(/^not_executed /)
    expect(server.clients).toEqual([])
  })

  test("dials nobody with a key that is missing, none, or of another certificate", async () => {
    const authority = createAuthority()
    const [own, other] = [authority.issue({ names: "DNS:a" }), authority.issue({ names: "DNS:b" })]
    const server = await serve(kind, { ...authority.issue({ names: NAMES }), ca: authority.cert })
    const settings = { ca: authority.cert, cert: own.cert, key_secret: "key" }
    const outcome = (secrets: Record<string, string>) =>
      outcomeOf(callerOf({ kind, port: server.port, settings, secrets }))
    expect(await outcome({})).toBe("misconfigured secret_missing")
    expect(await outcome({ key: "no key" })).toBe("misconfigured tls_key_invalid")
    expect(await outcome({ key: other.key })).toBe("misconfigured tls_key_mismatch")
    expect(server.clients).toEqual([])
  })

  test("uses a key that was renewed from the next call on", async () => {
    const authority = createAuthority()
    const own = authority.issue({ names: "DNS:a", commonName: "a" })
    const server = await serve(kind, { ...authority.issue({ names: NAMES }), ca: authority.cert })
    const settings = { ca: authority.cert, cert: own.cert, key_secret: "key" }
    const secrets = { key: own.key }
    const call = callerOf({ kind, port: server.port, settings, secrets })
    expect(await outcomeOf(call)).toBe("done")
    secrets.key = authority.key
    expect(await outcomeOf(call)).toBe("misconfigured tls_key_mismatch")
    secrets.key = own.key
    expect(await outcomeOf(call)).toBe("done")
  })
})
