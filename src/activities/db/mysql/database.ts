/** A MySQL or MariaDB database: a pool over guarded sockets, and a way to stop a statement on the server. */
import {
  type Connection,
  type ConnectionOptions,
  createConnection,
  createPool,
  type PoolConnection,
} from "mysql2"
import { mysqlStatements } from "../../../barrier/mysql-statements.ts"
import { type DbConnection, DEFAULT_POOL_SIZE } from "../../../contract/connections.ts"
import { abortable } from "../../abortable.ts"
import type { OutboundGuard } from "../../outbound/guard.ts"
import { readTlsMaterial, serverNameOf } from "../../outbound/tls-options.ts"
import type { SecretStore } from "../../secrets.ts"
import type { Database } from "../database.ts"
import { createBarrierInstall } from "../install-barrier.ts"
import { compileStatement } from "../statement.ts"
import { readMysqlError } from "./classify.ts"
import { command, createMysqlSession, execute, type ServerFacts } from "./session.ts"

const CONNECT_TIMEOUT_MS = 10_000
const IDLE_TIMEOUT_MS = 30_000
const CANCEL_TIMEOUT_MS = 1_000
const MAX_PREPARED_STATEMENTS = 100
/** Longer than the pool keeps an idle connection: what a lost worker held is rolled back after it. */
const SERVER_WAIT_S = 60

const VERIFIED = { rejectUnauthorized: true, verifyIdentity: true }

/**
 * What is fixed for a connection's life. The mode refuses values that do not fit, instead of cutting them, and fixes
 * how a statement's text is read (contract/sql.ts).
 */
const SETTINGS = [
  `set session sql_mode = 'TRADITIONAL', wait_timeout = ${SERVER_WAIT_S}`,
  "set session transaction isolation level read committed",
]

/** Throws `Misconfigured` when a secret is missing. */
export function createMysql(connection: DbConnection, guard: OutboundGuard, secrets: SecretStore): Database {
  let peer: string | undefined
  const openSocket = () => {
    const socket = guard.createSocket()
    // Where the library names no host, which it does for an address, Node verifies the one that the socket has here.
    Object.assign(socket, { _host: serverNameOf(connection) })
    socket.setKeepAlive(true).setNoDelay(true)
    socket.once("connect", () => (peer = `${socket.remoteAddress ?? ""}:${socket.remotePort ?? ""}`))
    return socket.connect(connection.port, connection.host)
  }
  const config = { ...configOf(connection, secrets), stream: openSocket }
  const size = connection.pool_size ?? DEFAULT_POOL_SIZE
  const pool = createPool({
    ...config,
    connectionLimit: size,
    // Idle ones are closed only where fewer may stay than are allowed.
    maxIdle: size - 1,
    idleTimeout: IDLE_TIMEOUT_MS,
  })
  const known = new WeakMap<Connection, ServerFacts>()

  const cancel = async (connectionId: number): Promise<void> => {
    try {
      const client = await connectFresh(config, CANCEL_TIMEOUT_MS)
      const asked = command(client, `kill query ${connectionId}`)
      await abortable(asked, AbortSignal.timeout(CANCEL_TIMEOUT_MS)).finally(() => client.destroy())
    } catch {
      // Then the caller ends the connection.
    }
  }
  const open: Database["open"] = async () => {
    const client = await acquire()
    const discard = () => client.destroy()
    try {
      const facts = known.get(client) ?? (await prepare(client))
      known.set(client, facts)
      return createMysqlSession(client, facts, { release: () => client.release(), discard, cancel })
    } catch (thrown) {
      discard()
      throw thrown
    }
  }
  const acquire = (): Promise<PoolConnection> =>
    new Promise((resolve, reject) => {
      pool.getConnection((error, client) => (error ? reject(error) : resolve(client)))
    })

  return {
    name: connection.database,
    compile: (settings) => compileStatement(settings, "mysql"),
    barrier: mysqlStatements,
    readError: readMysqlError,
    peer: () => peer,
    ensureBarrier: createBarrierInstall("mysql", open),
    open,
    async openFresh(withinMs) {
      const client = await connectFresh(config, withinMs)
      const discard = () => client.destroy()
      try {
        return createMysqlSession(client, await prepare(client), { release: discard, discard, cancel })
      } catch (thrown) {
        discard()
        throw thrown
      }
    },
    close: () => new Promise((resolve) => pool.end(() => resolve())),
  }
}

async function prepare(client: Connection): Promise<ServerFacts> {
  // What runs when a connection dies is told; without a listener Node would throw what comes between.
  client.on("error", () => undefined)
  for (const setting of SETTINGS) await command(client, setting)
  const sql = "select connection_id() as id, version() as version"
  const { rows } = await execute(client, { text: sql, values: [], limit: 1 })
  return { connectionId: Number(rows[0]?.["id"]), isMariaDb: /mariadb/i.test(String(rows[0]?.["version"])) }
}

function connectFresh(config: ConnectionOptions, withinMs: number): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const client = createConnection({ ...config, connectTimeout: withinMs })
    client.on("error", () => undefined)
    client.connect((error) => (error ? reject(error) : resolve(client)))
  })
}

function configOf(connection: DbConnection, secrets: SecretStore): ConnectionOptions {
  const { port, database, user, password_secret, tls } = connection
  return {
    // For TLS alone: the socket is ours.
    host: serverNameOf(connection),
    port,
    database,
    user,
    password: password_secret === undefined ? "" : secrets.read(password_secret),
    ...(tls === true ? { ssl: { ...readTlsMaterial(connection, secrets), ...VERIFIED } } : {}),
    connectTimeout: CONNECT_TIMEOUT_MS,
    supportBigNumbers: true,
    bigNumberStrings: true,
    dateStrings: true,
    jsonStrings: true,
    // The server could ask for a file of this machine.
    flags: ["-LOCAL_FILES"],
    // Of ours, so that the barrier costs no messages of its own. What a task brings is prepared, which takes one only.
    multipleStatements: true,
    disableEval: true,
    maxPreparedStatements: MAX_PREPARED_STATEMENTS,
  }
}
