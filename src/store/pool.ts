import { Client, Pool, TypeOverrides, types } from "pg"
import type { PoolConfig } from "pg"
import type { Logger } from "./logger.ts"
import { parseDatabaseUrl } from "./parse-database-url.ts"

export interface PoolOptions {
  /** A URL, or libpq's keyword form. */
  url: string
  /** Most connections at once; 10 unless said. */
  max?: number
  /** How long an unused connection is kept, 10 s unless said; 0 keeps it. */
  idleMs?: number
  /** Age at which a connection is replaced once it is free; 0, or unsaid, never. Whole seconds. */
  lifetimeMs?: number
  /** Seen in `pg_stat_activity`; `holdfast` unless said. */
  application_name?: string
  /**
   * Somebody waits: a connection, and after it each statement, gets this long before it fails. Without it
   * statements may take any time, as migrations and rebuilds do.
   */
  patienceMs?: number
  logger?: Logger
}

const CONNECT_TIMEOUT_MS = 10_000
/** Of silence, before a connection is probed; the system's own default is two hours. */
const KEEP_ALIVE_AFTER_MS = 10_000
const FAREWELL_MS = 1_000
const CANCEL_GRACE_MS = 500

/**
 * A pool of connections that survives the loss of any of them.
 *
 * How values come back: `bigint` as a number while it is safe, else as text; `timestamptz` as a `Date`;
 * `json` parsed; `numeric` as text.
 */
export function createPool({
  url,
  max = 10,
  idleMs = 10_000,
  lifetimeMs = 0,
  application_name = "holdfast",
  patienceMs,
  logger,
}: PoolOptions): Pool {
  const typeParsers = new TypeOverrides()
  typeParsers.setTypeParser(types.builtins.INT8, parseBigint)
  const config: PoolConfig = {
    application_name,
    ...parseDatabaseUrl(url),
    max,
    idleTimeoutMillis: idleMs,
    maxLifetimeSeconds: Math.ceil(lifetimeMs / 1_000),
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    connectionTimeoutMillis: patienceMs ?? CONNECT_TIMEOUT_MS,
    ...(patienceMs === undefined ? {} : boundStatements(patienceMs)),
    types: typeParsers,
  }
  const pool = new Pool(config)
  // An `error` event without a listener would end the process; a lost connection is replaced by the next query.
  const onError = (error: Error) => logger?.warn({ error: error.message }, "a database connection was lost")
  pool.on("error", onError)
  pool.on("connect", (client) => client.on("error", onError))
  return pool
}

/** A connection outside of the pool's count, for what must keep its session: locks and the mirror's writes. */
export async function openConnection(pool: Pool, onLost: (error: Error) => void): Promise<Client> {
  const client = new Client(pool.options)
  client.on("error", onLost)
  client.on("end", () => onLost(new Error("the database connection ended")))
  await client.connect()
  return client
}

/** Lets a connection's server notice a dead network within half a minute, and give the session's locks back. */
export const SERVER_KEEP_ALIVE = `
  set tcp_keepalives_idle = 10;
  set tcp_keepalives_interval = 5;
  set tcp_keepalives_count = 3;
`

/** Says farewell, and cuts a connection that does not answer it. */
export async function endConnection(client: Client): Promise<void> {
  const cut = setTimeout(() => client.connection.stream.destroy(), FAREWELL_MS)
  try {
    await client.end()
  } finally {
    clearTimeout(cut)
  }
}

/** The server cancels what is slow and keeps the connection; when the server stands still, we leave it. */
function boundStatements(patienceMs: number): PoolConfig {
  return { statement_timeout: patienceMs, query_timeout: patienceMs + CANCEL_GRACE_MS }
}

function parseBigint(text: string): number | string {
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : text
}
