import { Worker as Thread } from "node:worker_threads"
import { fileURLToPath } from "node:url"
import { Worker } from "@temporalio/worker"
import { WorkerThreadClient } from "@temporalio/worker/lib/workflow/threaded-vm.js"
import { RunProxyCreator } from "./run-proxy.ts"
import { createIsTaken } from "./taken-events.ts"

/** From src and from dist alike: a thread runs no TypeScript. */
const THREAD = fileURLToPath(new URL("../../../dist/worker/sandbox/thread.js", import.meta.url))

/**
 * Twice Node's: what an activation leaves behind dies young where the nursery holds that of all runs that are busy at
 * once. With four times Node's the process took 48 ms of CPU for a transaction of three tasks instead of 57; twice as
 * much gives most of it (50 beside 47).
 */
const NURSERY_MB = 96

/** The SDK's worker; its workflows run in a thread of `thread.ts`. */
export class SandboxWorker extends Worker {
  protected static override async createWorkflowCreator(
    ...[workflowBundle, options, logger]: Parameters<typeof Worker.createWorkflowCreator>
  ): ReturnType<typeof Worker.createWorkflowCreator> {
    const { activities, isolateExecutionTimeoutMs, connection, namespace } = options
    if (connection === undefined) throw new Error("a worker is given its connection")
    const thread = new WorkerThreadClient(
      new Thread(THREAD, { resourceLimits: { maxYoungGenerationSizeMb: NURSERY_MB } }),
      logger,
    )
    await thread.send({
      type: "init",
      workflowBundle,
      isolateExecutionTimeoutMs,
      reuseV8Context: true,
      registeredActivityNames: new Set(activities.keys()),
      hasPatchActivationCallback: false,
    })
    return new RunProxyCreator(thread, createIsTaken(connection, namespace))
  }
}
