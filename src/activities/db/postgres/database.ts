/** A Postgres database: a pool over guarded sockets, and a way to stop a statement on the server. */
import pg from "pg"
import { postgresStatements } from "../../../barrier/postgres-statements.ts"
import { type DbConnection, DEFAULT_POOL_SIZE } from "../../../contract/connections.ts"
import { abortable } from "../../abortable.ts"
import { Misconfigured } from "../../call.ts"
import type { OutboundGuard } from "../../outbound/guard.ts"
import { toTlsOptions } from "../../outbound/tls-options.ts"
import type { SecretStore } from "../../secrets.ts"
import type { Database } from "../database.ts"
import { createBarrierInstall } from "../install-barrier.ts"
import { compileStatement } from "../statement.ts"
import { readPostgresError } from "./classify.ts"
import { columnTypes } from "./column-types.ts"
import { createPostgresSession } from "./session.ts"

const CONNECT_TIMEOUT_MS = 10_000
const IDLE_TIMEOUT_MS = 30_000
const CANCEL_TIMEOUT_MS = 1_000
/** Sent where none is known. With an empty one pg gives up by itself and leaves its socket open. */
const NO_PASSWORD = "none"

/** Throws `Misconfigured` when the settings cannot be used or a secret is missing. */
export function createPostgres(
  connection: DbConnection,
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
  const connectFresh = async (withinMs: number): Promise<pg.Client> => {
    const client = new pg.Client({ ...config, connectionTimeoutMillis: withinMs })
    client.on("error", () => undefined)
    await client.connect()
    return client
  }
  const cancel = async (backend: number): Promise<void> => {
    try {
      const client = await connectFresh(CANCEL_TIMEOUT_MS)
      const asked = client.query("select pg_cancel_backend($1)", [backend])
      // Not waited for: a server that stands still does not answer that either.
      const leave = () => void client.end().catch(() => undefined)
      await abortable(asked, AbortSignal.timeout(CANCEL_TIMEOUT_MS)).finally(leave)
    } catch {
      // Then the caller ends the connection.
    }
  }

  const open: Database["open"] = async () => {
    const client = await pool.connect()
    const discard = () => client.release(true)
    return createPostgresSession(client, { release: () => client.release(), discard, cancel })
  }

  return {
    name: connection.database,
    compile: (settings) => compileStatement(settings, "postgres"),
    barrier: postgresStatements,
    readError: readPostgresError,
    peer: () => peer,
    ensureBarrier: createBarrierInstall("postgres", open),
    open,
    async openFresh(withinMs) {
      const client = await connectFresh(withinMs)
      // Rejects only when it is closed already.
      const discard = () => void client.end().catch(() => undefined)
      return createPostgresSession(client, { release: discard, discard, cancel })
    },
    // Rejects only when called twice.
    close: () => pool.end().catch(() => undefined),
  }
}

function configOf(connection: DbConnection, secrets: SecretStore): pg.ClientConfig {
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
    ssl: tls === true ? toTlsOptions(connection, secrets) : false,
    application_name: "holdfast",
    keepAlive: true,
    types: columnTypes,
  }
}
