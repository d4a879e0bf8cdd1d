/** Real servers with TLS, which want a certificate of the client. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import pg from "pg"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import type { Connector, Verdict } from "../../src/activities/call.ts"
import { connectionsOf, createCall, localGuard } from "../../src/activities/calls.testsuite.ts"
import { createDbConnector } from "../../src/activities/db/connector.ts"
import { createMqConnector } from "../../src/activities/mq/connector.ts"
import {
  type Authority,
  createAuthority,
  openssl,
} from "../../src/activities/outbound/certificates.testsuite.ts"
import { createSecretStore } from "../../src/activities/secrets.ts"
import { testConnection } from "../../src/activities/test-connection.ts"
import type { Connection, TlsSettings } from "../../src/contract/connections.ts"
import { type LocalPostgres, startPostgres } from "../../src/local/postgres.ts"
import { mariadb, startMariaDb, type TestMariaDb } from "../helpers/mariadb.ts"
import { type NatsServer, PASSWORD, startNats } from "../helpers/nats.ts"
import { findOptionalServer } from "../helpers/optional-server.ts"

const nats = findOptionalServer("nats-server")
const NAMES = "DNS:inner.test,IP:127.0.0.1"

interface TlsTarget {
  connection: Connection
  /** Beside the key of the client, which is `client_key`. */
  secrets: Record<string, string>
  call: { config: Record<string, unknown>; input?: unknown; effect?: "read" }
  /** Of a client that shows no certificate. */
  withoutCertificate: RegExp
  stop(): Promise<unknown>
}

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function openNats(program: string, { ca, own, server }: Certificates): Promise<TlsTarget> {
  const running: NatsServer = await startNats(program, {
    tls: { server: { ca, ...server }, client: { ca, ...own, servername: "inner.test" } },
  })
  return {
    connection: {
      name: "target",
      kind: "nats",
      host: "127.0.0.1",
      port: running.port,
      tls: true,
      username: "app",
      password_secret: "password",
    },
    secrets: { password: PASSWORD },
    call: { config: { connection: "target", topic: "orders.new" }, input: { id: 1 } },
    withoutCertificate: /^(misconfigured ERR_SSL_\w*ALERT_\w*CERTIFICATE\w*|not_executed \w+)$/,
    stop: () => running.stop(),
  }
}

async function openMariaDb(program: string, { ca, server }: Certificates): Promise<TlsTarget> {
  const running: TestMariaDb = await startMariaDb(program, { ca, ...server })
  const admin = await running.connect()
  await admin.query(`alter user ${running.user} require x509`)
  await admin.end()
  const { port, user, database, password } = running
  return {
    connection: {
      name: "target",
      kind: "mysql",
      host: "127.0.0.1",
      port,
      tls: true,
      database,
      user,
      password_secret: "password",
    },
    secrets: { password },
    call: { config: { connection: "target", sql: "select 1 as one" }, effect: "read" },
    withoutCertificate: /^misconfigured MYSQL_1045$/,
    stop: () => running.stop(),
  }
}

/** Its files are written by the server itself, since they must belong to its user. */
async function openPostgres({ ca, server }: Certificates): Promise<TlsTarget> {
  const stateDir = mkdtempSync(path.join(tmpdir(), "holdfast-postgres-tls-"))
  const running: LocalPostgres = await startPostgres({
    state: "throwaway",
    stateDir,
    say: () => undefined,
    environment: process.env,
  })
  const admin = new pg.Client(running.url)
  await admin.connect()
  const write = async (name: string, text: string): Promise<void> => {
    const lines = `select unnest(string_to_array(${pg.escapeLiteral(text.trim())}, e'\\n'))`
    await admin.query(`copy (${lines}) to program 'umask 077 && cat > ${name}'`)
  }
  for (const [name, text] of [
    ["server.crt", server.cert],
    ["server.key", server.key],
    ["root.crt", ca],
    [
      "pg_hba.conf",
      "hostssl all client 127.0.0.1/32 scram-sha-256 clientcert=verify-ca\nhost all all 127.0.0.1/32 scram-sha-256",
    ],
  ] as const)
    await write(name, text)
  await admin.query("alter system set ssl = on")
  await admin.query("alter system set ssl_ca_file = 'root.crt'")
  await admin.query("create role client login password 's3cret-client'")
  await admin.query("select pg_reload_conf()")
  await admin.end()
  return {
    connection: {
      name: "target",
      kind: "postgres",
      host: "127.0.0.1",
      port: running.port,
      tls: true,
      database: "holdfast",
      user: "client",
      password_secret: "password",
    },
    secrets: { password: "s3cret-client" },
    call: { config: { connection: "target", sql: "select 1 as one" }, effect: "read" },
    withoutCertificate: /^misconfigured SQLSTATE_28000$/,
    async stop() {
      await running.stop()
      rmSync(stateDir, { recursive: true })
    },
  }
}

interface Certificates {
  ca: string
  own: { cert: string; key: string }
  server: { cert: string; key: string }
}

const TARGETS = [
  { name: "NATS", missing: nats === undefined, open: (files: Certificates) => openNats(nats ?? "", files) },
  {
    name: "MariaDB",
    missing: mariadb === undefined,
    open: (files: Certificates) => openMariaDb(mariadb ?? "", files),
  },
  { name: "Postgres", missing: false, open: openPostgres },
].filter(({ missing }) => !missing && openssl !== undefined)

describe.each(TARGETS)("TLS to $name", ({ open }) => {
  let authority: Authority
  let files: Certificates
  let target: TlsTarget
  beforeAll(async () => {
    authority = createAuthority()
    files = {
      ca: authority.cert,
      own: authority.issue({ names: "DNS:holdfast", commonName: "holdfast" }),
      server: authority.issue({ names: NAMES }),
    }
    target = await open(files)
  }, 120_000)
  afterAll(() => target?.stop())

  const withTls = (settings: TlsSettings): Connection => ({ ...target.connection, ...settings })
  const mutual = (): TlsSettings => ({ ca: files.ca, cert: files.own.cert, key_secret: "client_key" })

  function callerOf(settings: TlsSettings, more: Record<string, string> = {}) {
    const values: Record<string, string> = { client_key: files.own.key, ...target.secrets, ...more }
    const connections = connectionsOf(withTls(settings))
    const deps = { connections, secrets: createSecretStore((name) => values[name]), guard: localGuard }
    const create: (given: typeof deps) => Connector =
      target.connection.kind === "nats" ? createMqConnector : createDbConnector
    const connector = create(deps)
    cleanups.push(() => connector.close())
    return { values, call: () => outcomeOf(connector.call(createCall(target.call))) }
  }

  async function outcomeOf(verdict: Promise<Verdict>): Promise<string> {
    try {
      const end = await verdict
      return end.class === "done" ? "done" : `${end.class} ${end.code}`
    } catch (thrown) {
      return thrown instanceof Error && "code" in thrown
        ? `misconfigured ${String(thrown.code)}`
        : String(thrown)
    }
  }

  async function trial(settings: TlsSettings): Promise<string | null> {
    const values: Record<string, string> = { client_key: files.own.key, ...target.secrets }
    const { code } = await testConnection(
      {
        targets: {
          connections: connectionsOf(withTls(settings)),
          secrets: (name) => values[name],
          refresh: () => Promise.resolve(),
        },
        secrets: createSecretStore((name) => values[name]),
        guard: localGuard,
      },
      "target",
    )
    return code
  }

  test("is done with a certificate that the server knows, by address and by name", async () => {
    expect(await callerOf(mutual()).call()).toBe("done")
    expect(await callerOf({ ...mutual(), server_name: "inner.test" }).call()).toBe("done")
    expect(await trial(mutual())).toBeNull()
  })

  test("is misconfigured where the server is of another authority or name", async () => {
    expect(await callerOf({ ...mutual(), ca: createAuthority("other").cert }).call()).toMatch(
      /^misconfigured /,
    )
    // By their names the two authorities cannot be told apart.
    expect(await callerOf({ ...mutual(), ca: createAuthority().cert }).call()).toMatch(/^misconfigured /)
    expect(await callerOf({ ...mutual(), server_name: "other.test" }).call()).toBe(
      "misconfigured ERR_TLS_CERT_ALTNAME_INVALID",
    )
    const { ca: _unknown, ...withoutCa } = mutual()
    expect(await callerOf(withoutCa).call()).toMatch(/^misconfigured /)
  })

  test("has done nothing without a certificate", async () => {
    expect(await callerOf({ ca: files.ca }).call()).toMatch(target.withoutCertificate)
    expect(await trial({ ca: files.ca })).not.toBeNull()
  })

  test("names a key that is not the certificate's, and uses one that was renewed", async () => {
    const { call, values } = callerOf(mutual(), { client_key: authority.key })
    expect(await call()).toBe("misconfigured tls_key_mismatch")
    values["client_key"] = files.own.key
    expect(await call()).toBe("done")
    values["client_key"] = "none"
    expect(await call()).toBe("misconfigured tls_key_invalid")
    values["client_key"] = files.own.key
    expect(await call()).toBe("done")
    expect(await trial({ ...mutual(), cert: authority.cert })).toBe("tls_key_mismatch")
  })
})

describe.skipIf(openssl === undefined || mariadb === undefined)("a server whose time is over", () => {
  test("is misconfigured", async () => {
    const authority = createAuthority()
    const server = authority.issue({ names: NAMES, validity: "expired" })
    const target = await openMariaDb(mariadb ?? "", { ca: authority.cert, own: server, server })
    cleanups.push(() => target.stop())
    const connector = createDbConnector({
      connections: connectionsOf({ ...target.connection, ca: authority.cert }),
      secrets: createSecretStore((name) => target.secrets[name]),
      guard: localGuard,
    })
    cleanups.push(() => connector.close())
    expect(await connector.call(createCall(target.call))).toMatchObject({
      class: "misconfigured",
      code: "HANDSHAKE_SSL_ERROR",
      message: expect.stringContaining("expired"),
    })
  }, 60_000)
})
