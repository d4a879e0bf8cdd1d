/** One process: all of Holdfast, or some of its roles. */
import type { Client } from "@temporalio/client"
import type { Pool } from "pg"
import type { Logger } from "pino"
import type { Activities } from "../activities/index.ts"
import { createServices, mountApp } from "../api/app.ts"
import type { ApiServices, AuthMode } from "../api/dependencies.ts"
import { startApi } from "../api/main.ts"
import { HEALTH_ROUTES, ROUTES } from "../api/routes/table.ts"
import { SCOPES } from "../api/scopes.ts"
import type { Connection } from "../contract/connections.ts"
import { DEFAULT_TENANT } from "../contract/messages.ts"
import type { Role } from "../contract/roles.ts"
import type { ProposableAction } from "../contract/statuses.ts"
import type { RetryDefaults } from "../flow/retry.ts"
import type { Mask } from "../masking/mask.ts"
import { createDispatcher } from "../store/dispatch.ts"
import type { Dispatcher } from "../store/dispatch.ts"
import { createEventWatch } from "../store/events/event-watch.ts"
import type { EventWatch } from "../store/events/event-watch.ts"
import { watchMirrorLag } from "../store/mirror/lag-watch.ts"
import { createMirrorWriter } from "../store/mirror/writer.ts"
import type { MirrorStats, MirrorWriter } from "../store/mirror/writer.ts"
import { createPool } from "../store/pool.ts"
import type { PoolOptions } from "../store/pool.ts"
import { createFirstApiKey } from "../store/queries/create-first-api-key.ts"
import type { MasterKeys } from "../store/secrets/master-keys.ts"
import { createSweeper } from "../worker/sweeper.ts"
import { connectTemporal } from "./connect-temporal.ts"
import { describeError } from "./describe-error.ts"
import { prepareSchema } from "./prepare-schema.ts"
import type { TemporalTarget } from "./servers.ts"
import { startBulkWorker } from "./start-bulk-worker.ts"
import { startWorkers, toAddressPolicy } from "./start-workers.ts"
import { withStopList } from "./stop-list.ts"
import type { StopList } from "./stop-list.ts"
import { VERSION } from "./version.ts"

export interface HoldfastOptions {
  roles: readonly Role[]
  /** Whose calls a task-worker takes. */
  queueNames: readonly string[]
  /** Most calls under way at once, for each queue. */
  workerConcurrency: number
  /** Open transactions that a flow-worker keeps in memory; as many as a quarter of the heap should hold, unless said. */
  maxCachedWorkflows?: number | undefined
  databaseUrl: string
  /** Of each pool. */
  pool?: Pick<PoolOptions, "max" | "idleMs" | "lifetimeMs">
  temporal: TemporalTarget
  http: { host: string; port: number }
  auth: AuthMode
  /** Decisions that wait for a second person; none unless given. */
  fourEyes?: readonly ProposableAction[]
  connections: Connection[]
  secrets: Record<string, string>
  /** Absent: secrets come from the file only. */
  masterKeys?: MasterKeys | undefined
  /** Learns every secret that is read; the logger's lines go through it. */
  mask?: Mask
  retryDefaults?: RetryDefaults
  /** In `local` mode tasks may reach loopback addresses. */
  mode: "local" | "server"
  /** CIDR ranges of private addresses that tasks may reach. */
  allowedRanges?: readonly string[] | undefined
  /** How long ended transactions are kept; for ever unless said. */
  retentionMs?: number | undefined
  /** How long events are kept, in whole months; for ever unless said. */
  eventRetentionMs?: number | undefined
  logger: Logger
}

export interface Holdfast {
  /** Of the API; a process without one answers only health checks there. */
  apiUrl: string
  /** An API that asks for keys made the very first one. It is shown nowhere else. */
  firstKey?: string
  /** Rejects when a worker dies by itself; resolves after `stop`. */
  ended: Promise<void>
  stop: () => Promise<void>
}

/** Also what a request waits for a Postgres that stands still, before it is answered with 503. */
const REQUEST_PATIENCE_MS = 10_000
const FIRST_KEY = { tenant: DEFAULT_TENANT, name: "admin", scopes: SCOPES, days: 90 }

/** Starts the parts from the inside out. @throws after stopping what had been started. */
export function startHoldfast(options: HoldfastOptions): Promise<Holdfast> {
  return withStopList(async (stops) => {
    const { logger, roles } = options
    const pool = createPool({ url: options.databaseUrl, ...options.pool, logger })
    stops.add("the database pool", () => pool.end())
    await prepareSchema(pool, roles, logger).catch(blame("Postgres"))
    const { connection, client } = await connectTemporal(options.temporal).catch(
      blame(`Temporal at ${options.temporal.connection.address}`),
    )
    stops.add("the connection to Temporal", () => connection.close())
    const mirror = createMirrorWriter({ pool, logger, mask: options.mask })
    stops.add("the mirror writer", () => mirror.close())
    stops.add(
      "the watch on the mirror's lag",
      watchMirrorLag(() => mirror.stats(), logger),
    )
    // Requests have connections of their own: the sweeper's statements may take longer than a caller waits.
    const requestPool = createPool({
      url: options.databaseUrl,
      ...options.pool,
      application_name: "holdfast-api",
      patienceMs: REQUEST_PATIENCE_MS,
      logger,
    })
    stops.add("the API's database pool", () => requestPool.end())
    // Only a worker on the same connection can be handed a first workflow task with the start's answer.
    const requestEagerStart = roles.includes("flow-worker")
    const dispatcher = createDispatcher({ pool: requestPool, client, logger, requestEagerStart })
    const { ended, areRunning, testConnection } = await startWorkers(options, {
      connection,
      mirror,
      stops,
    })
    if (roles.includes("sweeper")) {
      const { retentionMs, eventRetentionMs } = options
      const parts = { pool, client, dispatcher, writer: mirror, logger, retentionMs, eventRetentionMs }
      startSweeper(parts, stops)
    }
    const firstKey = await makeFirstKey(options, pool)
    const events = createEventWatch({ pool: requestPool, logger })
    const mirrorStats = () => mirror.stats()
    const serving = { pool: requestPool, client, dispatcher, events, mirrorStats, areRunning, testConnection }
    const services = toServices(options, serving)
    const api = await startApi({
      app: mountApp(services, roles.includes("api") ? ROUTES : HEALTH_ROUTES),
      auth: options.auth,
      ...options.http,
    })
    stops.add("the API", () => api.stop())
    const { namespace } = options.temporal
    const bulk = roles.includes("api")
      ? await startBulkWorker(services, { connection, namespace, stops })
      : undefined
    // First, or the API would wait for those who follow a transaction.
    stops.add("those who follow events", () => events.close())
    const allEnded = Promise.all([ended, bulk?.ended]).then(() => undefined)
    // Whoever does not ask has heard of it in the log.
    allEnded.catch(() => {})
    return {
      apiUrl: api.url,
      ended: allEnded,
      stop: stops.stop,
      ...(firstKey === undefined ? {} : { firstKey }),
    }
  })
}

interface SweeperParts {
  pool: Pool
  client: Client
  dispatcher: Dispatcher
  writer: MirrorWriter
  logger: Logger
  retentionMs: number | undefined
  eventRetentionMs: number | undefined
}

function startSweeper(parts: SweeperParts, stops: StopList): void {
  const sweeper = createSweeper(parts)
  stops.add("the sweeper", () => sweeper.stop())
  sweeper.start()
}

async function makeFirstKey({ roles, auth }: HoldfastOptions, pool: Pool): Promise<string | undefined> {
  if (!roles.includes("api") || auth.mode !== "keys") return undefined
  return (await createFirstApiKey(pool, FIRST_KEY))?.key
}

interface Serving {
  pool: Pool
  client: Client
  dispatcher: Dispatcher
  mirrorStats: () => MirrorStats
  events: EventWatch
  areRunning: () => boolean
  testConnection: Activities["testConnection"] | undefined
}

function toServices(
  options: HoldfastOptions,
  { areRunning, testConnection, ...parts }: Serving,
): ApiServices {
  const { roles, auth, connections, retryDefaults, logger } = options
  const works = roles.includes("flow-worker") || roles.includes("task-worker")
  return createServices({
    ...parts,
    connections,
    fileSecrets: Object.keys(options.secrets),
    masterKeys: options.masterKeys,
    mask: options.mask,
    fourEyes: options.fourEyes,
    ...(testConnection === undefined ? {} : { testConnection }),
    ...(retryDefaults === undefined ? {} : { retryDefaults }),
    auth,
    logger,
    version: VERSION,
    addressPolicy: toAddressPolicy(options),
    readiness: () => Promise.resolve<Record<string, boolean>>(works ? { worker: areRunning() } : {}),
  })
}

/** Says which of the servers it was: their errors do not. */
function blame(server: string): (thrown: unknown) => never {
  return (thrown) => {
    throw new Error(`${server} cannot be used: ${describeError(thrown)}`, { cause: thrown })
  }
}
