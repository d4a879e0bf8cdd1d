/** The worker of whatever is not the product: Holdfast's options, Holdfast's activities. */
import type { NativeConnection, Worker } from "@temporalio/worker"
import {
  type ActivityLogger,
  createActivities,
  createOutboundGuard,
  type TenantTargets,
} from "../src/activities/index.ts"
import { DEFAULT_NAMESPACE } from "../src/app/servers.ts"
import { type HoldfastWorkerOptions, toWorkerOptions } from "../src/worker/create-worker.ts"
import type { SandboxWorker } from "../src/worker/sandbox/sandbox-worker.ts"
import type { Connection } from "../src/contract/connections.ts"
import { NO_OUTPUTS } from "../test/helpers/no-outputs.ts"

export const guard = createOutboundGuard({ allowLoopback: true })
export const silent: ActivityLogger = { info: () => {}, warn: () => {}, error: () => {} }

export function createConnectors(
  connections: readonly Connection[],
  secrets: TenantTargets["secrets"] = () => undefined,
): ReturnType<typeof createActivities> {
  const targets: TenantTargets = {
    connections: { find: (name) => connections.find((one) => one.name === name) },
    secrets,
    refresh: () => Promise.resolve(),
  }
  return createActivities({
    targets: () => targets,
    guard,
    outputs: NO_OUTPUTS,
    recordAttempt: () => {},
    logger: silent,
  })
}

/** @param kind the SDK's worker as it is published, for a workflow by hand, or Holdfast's. */
export async function runWorker(
  kind: typeof Worker | typeof SandboxWorker,
  options: Pick<HoldfastWorkerOptions, "activities" | "workflowBundle"> & { connection: NativeConnection },
): Promise<() => Promise<void>> {
  const worker = await kind.create(
    toWorkerOptions({
      namespace: DEFAULT_NAMESPACE,
      mirror: { push: () => {} },
      shutdownGraceMs: 100,
      ...options,
    }),
  )
  const running = worker.run()
  return async () => {
    worker.shutdown()
    await running
  }
}
