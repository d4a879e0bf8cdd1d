/** The workers of one process: workflows for a flow-worker, connectors with secrets for a task-worker. */
import type { NativeConnection } from "@temporalio/worker"
import { type Activities, createActivities, createOutboundGuard, createTargets } from "../activities/index.ts"
import type { AddressPolicy } from "../contract/addresses.ts"
import { toError } from "../contract/errors.ts"
import type { MirrorWriter } from "../store/mirror/writer.ts"
import { createOutputStore } from "../store/output-store.ts"
import { createPool } from "../store/pool.ts"
import { createHoldfastWorker } from "../worker/create-worker.ts"
import { planWorkers } from "./plan-workers.ts"
import type { HoldfastOptions } from "./start.ts"
import type { StopList } from "./stop-list.ts"

const CALL_PATIENCE_MS = 5_000

interface WorkerParts {
  connection: NativeConnection
  mirror: MirrorWriter
  stops: StopList
}

export interface RunningWorkers {
  /** Rejects when one of them dies; resolves when all were stopped, and never where there is none. */
  ended: Promise<void>
  areRunning: () => boolean
  /** From where calls are made; undefined where none are. */
  testConnection: Activities["testConnection"] | undefined
}

export async function startWorkers(options: HoldfastOptions, parts: WorkerParts): Promise<RunningWorkers> {
  const { logger, temporal, workerConcurrency, maxCachedWorkflows } = options
  const { connection, mirror, stops } = parts
  const plans = planWorkers(options.roles, options.queueNames)
  const takesCalls = plans.some(({ polls }) => polls !== "workflows")
  const connectors = takesCalls ? await startConnectors(options, parts) : undefined
  const workers = await Promise.all(
    plans.map(({ queue, polls }) =>
      createHoldfastWorker({
        connection,
        namespace: temporal.namespace,
        taskQueue: queue,
        ...(polls === "calls" ? {} : { mirror }),
        ...(polls === "workflows" || connectors === undefined ? {} : { activities: connectors.activities }),
        maxConcurrentCalls: workerConcurrency,
        ...(maxCachedWorkflows === undefined ? {} : { maxCachedWorkflows }),
      }),
    ),
  )
  const ends = workers.map((worker) => worker.run())
  const ended = Promise.all(ends)
  ended.catch((thrown: unknown) => logger.fatal({ error: toError(thrown).message }, "a worker died"))
  stops.add("the workers", async () => {
    for (const worker of workers) worker.shutdown()
    // All of them drain, also when one of them had died.
    const [failure] = (await Promise.allSettled(ends)).filter((end) => end.status === "rejected")
    if (failure !== undefined) throw failure.reason
  })
  return {
    ended: workers.length === 0 ? new Promise(() => {}) : ended.then(() => undefined),
    areRunning: () => workers.every((worker) => worker.isRunning()),
    testConnection: connectors?.testConnection,
  }
}

/** What calls may reach; the API refuses by the same rules what the connectors would. */
export function toAddressPolicy({
  mode,
  allowedRanges,
}: Pick<HoldfastOptions, "mode" | "allowedRanges">): AddressPolicy {
  return { allowLoopback: mode === "local", allowRanges: allowedRanges }
}

async function startConnectors(
  options: HoldfastOptions,
  { mirror, stops }: WorkerParts,
): Promise<Activities> {
  const { logger, connections, secrets, masterKeys, mask, databaseUrl } = options
  // Of their own: a large value takes a while, and what an attempt asks must end, or it would have no second one.
  const callPool = createPool({
    url: databaseUrl,
    ...options.pool,
    application_name: "holdfast-calls",
    patienceMs: CALL_PATIENCE_MS,
    logger,
  })
  stops.add("the calls' database pool", () => callPool.end())
  const targets = createTargets({ pool: callPool, masterKeys, files: { connections, secrets }, logger })
  stops.add("the reading of connections and secrets", await targets.keepAll())
  const connectors = createActivities({
    targets: targets.of,
    ...(mask === undefined ? {} : { mask }),
    guard: createOutboundGuard(toAddressPolicy(options)),
    outputs: createOutputStore(callPool),
    recordAttempt: (row) => mirror.attempt(row),
    logger,
  })
  stops.add("the connectors", () => connectors.close())
  return connectors
}
