/** The worker of the two subjects that are not the product: Holdfast's options, Holdfast's HTTP activity. */
import type { NativeConnection, Worker } from "@temporalio/worker"
import { createActivities, createOutboundGuard, type TenantTargets } from "../src/activities/index.ts"
import { DEFAULT_NAMESPACE } from "../src/app/servers.ts"
import { type HoldfastWorkerOptions, toWorkerOptions } from "../src/worker/create-worker.ts"
import type { SandboxWorker } from "../src/worker/sandbox/sandbox-worker.ts"
import { NO_OUTPUTS } from "../test/helpers/no-outputs.ts"
import { toConnections } from "./workloads.ts"

export function createConnectors(targetUrl: string): ReturnType<typeof createActivities> {
  const connections = toConnections(targetUrl)
  const targets: TenantTargets = {
    connections: { find: (name) => connections.find((one) => one.name === name) },
    secrets: () => undefined,
    refresh: () => Promise.resolve(),
  }
  return createActivities({
    targets: () => targets,
    guard: createOutboundGuard({ allowLoopback: true }),
    outputs: NO_OUTPUTS,
    recordAttempt: () => {},
    logger: { info: () => {}, warn: () => {}, error: () => {} },
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
