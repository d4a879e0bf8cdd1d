import { NativeConnection } from "@temporalio/worker"
import { BULK_TASK_QUEUE, type BulkActivities } from "../../src/contract/bulk.ts"
import { createHoldfastWorker } from "../../src/worker/create-worker.ts"
import { quietTemporal } from "./quiet-temporal.ts"
import type { TestTemporal } from "./temporal.ts"

/** The workflow of bulk jobs on real workers, with activities of the test's. @returns what stops both. */
export async function startBulkWorkers(
  { address, namespace }: TestTemporal,
  activities: BulkActivities,
): Promise<() => Promise<void>> {
  quietTemporal()
  const connection = await NativeConnection.connect({ address })
  const common = { connection, namespace, shutdownGraceMs: 500 }
  const workers = await Promise.all([
    // No cache: each workflow task replays what there is.
    createHoldfastWorker({ ...common, mirror: { push: () => {} }, maxCachedWorkflows: 0 }),
    createHoldfastWorker({ ...common, taskQueue: BULK_TASK_QUEUE, activities: { ...activities } }),
  ])
  const running = workers.map((worker) => worker.run())
  return async () => {
    for (const worker of workers) worker.shutdown()
    await Promise.all(running)
    await connection.close()
  }
}
