import { randomBytes } from "node:crypto"
import { Client, Connection as TemporalConnection } from "@temporalio/client"
import type { Pool } from "pg"
import { createApp } from "../../src/api/app.ts"
import type { ApiDependencies } from "../../src/api/dependencies.ts"
import { SCOPES, type Scope } from "../../src/api/scopes.ts"
import type { AddressPolicy } from "../../src/contract/addresses.ts"
import type { Connection } from "../../src/contract/connections.ts"
import { DEFAULT_TENANT } from "../../src/contract/messages.ts"
import type { ConnectionInfo } from "../../src/flow/connection.ts"
import { createDispatcher } from "../../src/store/dispatch.ts"
import { createEventWatch } from "../../src/store/events/event-watch.ts"
import { parseMasterKeys } from "../../src/store/secrets/master-keys.ts"
import { createPool } from "../../src/store/pool.ts"
import { createApiKey } from "../../src/store/queries/create-api-key.ts"
import { createTestDatabase } from "./database.ts"
import { testTemporal } from "./temporal.ts"

export interface CallOptions {
  /** Sent as JSON. */
  body?: unknown
  /** Sent as it is. */
  raw?: string | Uint8Array
  headers?: Record<string, string>
  /** An API key. */
  key?: string
}

export interface Answer {
  status: number
  headers: Headers
  text: string
  /** The parsed body. Tests look into it; what its shape is, the route's schema says. */
  // oxlint-disable-next-line typescript/no-explicit-any
  json: any
  // oxlint-disable-next-line typescript/no-explicit-any
  data: any
}

export interface LogLine {
  level: string
  fields: Record<string, unknown>
  message: string
}

export interface ApiRig {
  app: ReturnType<typeof createApp>
  dependencies: ApiDependencies
  databaseUrl: string
  pool: Pool
  client: Client
  namespace: string
  logs: LogLine[]
  call(method: string, path: string, options?: CallOptions): Promise<Answer>
  /** A key's token. */
  key(options?: { tenant?: string; scopes?: readonly Scope[]; name?: string }): Promise<string>
  stop(): Promise<void>
}

interface RigOptions {
  auth?: "off" | "keys"
  connections?: ConnectionInfo[]
  addressPolicy?: AddressPolicy
  /** An address where no Temporal is. */
  temporalAddress?: string
}

/** The app over a database and a Temporal namespace of its own. No worker: what is started waits. */
export async function startApiRig(options: RigOptions = {}): Promise<ApiRig> {
  const database = await createTestDatabase()
  const { address, namespace } =
    options.temporalAddress === undefined
      ? await testTemporal()
      : { address: options.temporalAddress, namespace: "default" }
  const connection = TemporalConnection.lazy({ address, connectTimeout: "1s" })
  const client = new Client({ connection, namespace })
  const pool = createPool({ url: database.url, max: 10 })
  const logs: LogLine[] = []
  const log = (level: string) => (fields: object, message: string) =>
    void logs.push({ level, fields: { ...fields }, message })
  const logger = { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") }
  const events = createEventWatch({ pool, logger })
  const dependencies: ApiDependencies = {
    pool,
    client,
    dispatcher: createDispatcher({ pool, client, logger }),
    events,
    // Compiling looks at nothing but the members that are there.
    connections: (options.connections ?? []) as Connection[],
    masterKeys: parseMasterKeys(randomBytes(32).toString("base64")),
    mirrorStats: () => ({
      pending: 3,
      lag_ms: 1_500,
      flushes: 7,
      written: 20,
      dropped: 1,
      refused: 2,
      connected: true,
    }),
    testConnection: () => Promise.resolve({ ok: true, code: null, message: "reached", duration_ms: 1 }),
    auth: { mode: options.auth ?? "off" },
    logger,
    version: "0.0.0-test",
    addressPolicy: options.addressPolicy ?? { allowLoopback: true },
  }
  const app = createApp(dependencies)
  return {
    app,
    dependencies,
    databaseUrl: database.url,
    pool,
    client,
    namespace,
    logs,
    call: (method, path, callOptions) => call(app, { method, path, ...callOptions }),
    async key({ tenant = DEFAULT_TENANT, scopes = SCOPES, name = "tester" } = {}) {
      return (await createApiKey(pool, { tenant, name, scopes, days: 1 })).key
    },
    async stop() {
      await events.close()
      await connection.close()
      await pool.end()
      await database.drop()
    },
  }
}

async function call(
  app: ReturnType<typeof createApp>,
  { method, path, body, raw, headers = {}, key }: CallOptions & { method: string; path: string },
): Promise<Answer> {
  const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body))
  const response = await app.request(path, {
    method,
    headers: {
      ...(payload === undefined ? {} : { "content-type": "application/json" }),
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...headers,
    },
    ...(payload === undefined ? {} : { body: payload }),
  })
  const text = await response.text()
  const isJson = /json/.test(response.headers.get("content-type") ?? "")
  const json = isJson ? JSON.parse(text) : undefined
  return { status: response.status, headers: response.headers, text, json, data: json?.data }
}
