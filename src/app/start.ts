/** One process that does everything: API, worker, connectors, mirror, sweeper. */
import type { NativeConnection } from "@temporalio/worker"
import type { Pool } from "pg"
import type { Logger } from "pino"
import { createActivities, createOutboundGuard, createTargets } from "../activities/index.ts"
import { createApp } from "../api/app.ts"
import type { AuthMode } from "../api/dependencies.ts"
import { startApi } from "../api/main.ts"
import type { Connection } from "../contract/connections.ts"
import type { Activities, Mask } from "../activities/index.ts"
import { toError } from "../contract/errors.ts"
import { createDispatcher } from "../store/dispatch.ts"
import { migrate } from "../store/migrate.ts"
import { createMirrorWriter } from "../store/mirror/writer.ts"
import type { MirrorWriter } from "../store/mirror/writer.ts"
import { createPool } from "../store/pool.ts"
import type { MasterKeys } from "../store/secrets/master-keys.ts"
import { createHoldfastWorker } from "../worker/create-worker.ts"
import { createSweeper } from "../worker/sweeper.ts"
import { connectTemporal } from "./connect-temporal.ts"
import { describeError } from "./describe-error.ts"
import type { TemporalTarget } from "./servers.ts"
import { withStopList } from "./stop-list.ts"
import type { StopList } from "./stop-list.ts"
import { VERSION } from "./version.ts"

export interface HoldfastOptions {
  databaseUrl: string
  temporal: TemporalTarget
  http: { host: string; port: number }
  auth: AuthMode
  connections: Connection[]
  secrets: Record<string, string>
  /** Absent: secrets come from the file only. */
  masterKeys?: MasterKeys | undefined
  /** Learns every secret that is read; the logger's lines go through it. */
  mask?: Mask
  /** In `local` mode tasks may reach loopback addresses. */
  mode: "local" | "server"
  logger: Logger
}

export interface Holdfast {
  apiUrl: string
  /** Rejects when the worker dies by itself; resolves after `stop`. */
  ended: Promise<void>
  stop: () => Promise<void>
}

/** Also what a request waits for a Postgres that stands still, before it is answered with 503. */
const REQUEST_PATIENCE_MS = 10_000

/** Migrates, then starts the parts from the inside out. @throws after stopping what had been started. */
export function startHoldfast(options: HoldfastOptions): Promise<Holdfast> {
  return withStopList(async (stops) => {
    const { logger, http, auth, connections, mode } = options
    const pool = createPool({ url: options.databaseUrl, logger })
    stops.add("the database pool", () => pool.end())
    await migrate(pool).catch(blame("Postgres"))
    const { connection, client } = await connectTemporal(options.temporal).catch(
      blame(`Temporal at ${options.temporal.connection.address}`),
    )
    stops.add("the connection to Temporal", () => connection.close())
    const mirror = createMirrorWriter({ pool, logger })
    stops.add("the mirror writer", () => mirror.close())
    // Requests have connections of their own: the sweeper's statements may take longer than a caller waits.
    const requestPool = createPool({
      url: options.databaseUrl,
      application_name: "holdfast-api",
      patienceMs: REQUEST_PATIENCE_MS,
      logger,
    })
    stops.add("the API's database pool", () => requestPool.end())
    const dispatcher = createDispatcher({ pool: requestPool, client, logger, requestEagerStart: true })
    const { ended, testConnection } = await startWorker(options, { connection, pool, mirror, stops })
    const sweeper = createSweeper({ pool, client, dispatcher, writer: mirror, logger })
    stops.add("the sweeper", () => sweeper.stop())
    sweeper.start()
    const app = createApp({
      pool: requestPool,
      client,
      dispatcher,
      connections,
      fileSecrets: Object.keys(options.secrets),
      masterKeys: options.masterKeys,
      testConnection,
      auth,
      logger,
      version: VERSION,
      allowLoopbackTargets: mode === "local",
    })
    const api = await startApi({ app, auth, ...http })
    stops.add("the API", () => api.stop())
    return { apiUrl: api.url, ended, stop: stops.stop }
  })
}

interface StartedWorker {
  ended: Promise<void>
  testConnection: Activities["testConnection"]
}

interface WorkerParts {
  connection: NativeConnection
  pool: Pool
  mirror: MirrorWriter
  stops: StopList
}

async function startWorker(options: HoldfastOptions, parts: WorkerParts): Promise<StartedWorker> {
  const { logger, connections, secrets, masterKeys, mask, temporal, mode } = options
  const { pool } = parts
  const activities = createActivities({
    targets: createTargets({ pool, masterKeys, files: { connections, secrets }, logger }),
    ...(mask === undefined ? {} : { mask }),
    guard: createOutboundGuard({ allowLoopback: mode === "local" }),
    recordAttempt: (row) => parts.mirror.attempt(row),
    logger,
  })
  parts.stops.add("the connectors", () => activities.close())
  const worker = await createHoldfastWorker({
    connection: parts.connection,
    namespace: temporal.namespace,
    activities: activities.activities,
    mirror: parts.mirror,
  })
  const ended = worker.run()
  ended.catch((thrown: unknown) => logger.fatal({ error: toError(thrown).message }, "the worker died"))
  parts.stops.add("the worker", async () => {
    worker.shutdown()
    await ended
  })
  return { ended, testConnection: activities.testConnection }
}

/** Says which of the servers it was: their errors do not. */
function blame(server: string): (thrown: unknown) => never {
  return (thrown) => {
    throw new Error(`${server} cannot be used: ${describeError(thrown)}`, { cause: thrown })
  }
}
