/** The worker that carries out bulk jobs: in a process with the API, since their decisions take the API's own path. */
import type { NativeConnection } from "@temporalio/worker"
import { createBulkActivities } from "../api/bulk/carry-out.ts"
import type { ApiServices } from "../api/dependencies.ts"
import { BULK_TASK_QUEUE } from "../contract/bulk.ts"
import { toError } from "../contract/errors.ts"
import { createHoldfastWorker } from "../worker/create-worker.ts"
import type { StopList } from "./stop-list.ts"

/** Jobs that are served at once by this process. */
const JOBS_AT_ONCE = 4

/** @returns what rejects when the worker dies, and resolves when it was stopped. */
export async function startBulkWorker(
  services: ApiServices,
  { connection, namespace, stops }: { connection: NativeConnection; namespace: string; stops: StopList },
): Promise<{ ended: Promise<void> }> {
  const worker = await createHoldfastWorker({
    connection,
    namespace,
    taskQueue: BULK_TASK_QUEUE,
    activities: { ...createBulkActivities(services) },
    maxConcurrentCalls: JOBS_AT_ONCE,
  })
  const ended = worker.run()
  ended.catch((thrown: unknown) =>
    services.logger.error({ error: toError(thrown).message }, "the worker of bulk jobs died"),
  )
  stops.add("the worker of bulk jobs", async () => {
    worker.shutdown()
    await ended
  })
  return { ended }
}
