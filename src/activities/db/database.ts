/** One business database: a pool over guarded sockets, and a way to stop a statement on the server. */
import pg from "pg"
import type { PostgresConnection } from "../../contract/connections.ts"
import { installBarrier } from "../barrier/schema.ts"
import { Misconfigured } from "../call.ts"
import type { OutboundGuard } from "../outbound/guard.ts"
import type { SecretStore } from "../secrets.ts"
import { columnTypes } from "./row-values.ts"

const CONNECT_TIMEOUT_MS = 10_000
const IDLE_TIMEOUT_MS = 30_000
const DEFAULT_POOL_SIZE = 10
const CANCEL_TIMEOUT_MS = 1_000
/** Sent where none is known. With an empty one pg gives up by itself and leaves its socket open. */
const NO_PASSWORD = "none"

export interface Database {
  pool: pg.Pool
  /** Makes sure of the barrier table, once. */
  ensureBarrier(): Promise<void>
  /** Asks the server to stop what a backend is doing. Never rejects; true when it was told. */
  cancel(backend: number): Promise<boolean>
  /** A connection of its own, outside of the pool. End it. */
  connectFresh(withinMs: number): Promise<pg.Client>
  peer(): string | undefined
  /** Never rejects. */
  close(): Promise<void>
}

/** Throws `Misconfigured` when the settings cannot be used or a secret is missing. */
export function createDatabase(
  connection: PostgresConnection,
  guard: OutboundGuard,
  secrets: SecretStore,
): Database {
  let peer: string | undefined
  const openSocket = () => {
    const socket = guard.createSocket()
    socket.once("connect", () => (peer = `${socket.remoteAddress ?? ""}:${socket.remotePort ?? ""}`))
    return socket
  }
  const config = { ...configOf(connection, secrets), stream: openSocket }
  const pool = new pg.Pool({
    ...config,
    max: connection.pool_size ?? DEFAULT_POOL_SIZE,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  })
  // A connection that dies is reported by the query that meets it; pg would throw what nobody listens to.
  pool.on("error", () => undefined)
  pool.on("connect", (client) => client.on("error", () => undefined))
  let barrier: Promise<void> | undefined

  const connectFresh = async (withinMs: number): Promise<pg.Client> => {
    const client = new pg.Client({ ...config, connectionTimeoutMillis: withinMs })
    client.on("error", () => undefined)
    await client.connect()
    return client
  }

  return {
    pool,
    connectFresh,
    peer: () => peer,
    ensureBarrier() {
      barrier ??= installBarrier(pool).catch((thrown: unknown) => {
        barrier = undefined
        throw thrown
      })
      return barrier
    },
    async cancel(backend) {
      try {
        const client = await connectFresh(CANCEL_TIMEOUT_MS)
        try {
          await client.query("select pg_cancel_backend($1)", [backend])
          return true
        } finally {
          await client.end()
        }
      } catch {
        return false
      }
    },
    // Rejects only when called twice.
    close: () => pool.end().catch(() => undefined),
  }
}

function configOf(connection: PostgresConnection, secrets: SecretStore): pg.ClientConfig {
  const { host, port, database, user, password_secret, tls } = connection
  if (host === "" || host.startsWith("/"))
    throw new Misconfigured(
      "connection_invalid",
      `the connection "${connection.name}" needs a host: sockets in the file system cannot be used`,
    )
  const known = password_secret === undefined ? "" : secrets.read(password_secret)
  const password = known === "" ? NO_PASSWORD : known
  return {
    host,
    port,
    database,
    user,
    // As a function, or pg would look for an absent one in the environment and in a file.
    password: () => password,
    ssl: tls === true ? { rejectUnauthorized: true } : false,
    application_name: "holdfast",
    keepAlive: true,
    types: columnTypes,
  }
}
