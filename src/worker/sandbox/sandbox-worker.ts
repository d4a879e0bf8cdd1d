import { Worker as Thread } from "node:worker_threads"
import { fileURLToPath } from "node:url"
import { Worker } from "@temporalio/worker"
import { ThreadedVMWorkflowCreator, WorkerThreadClient } from "@temporalio/worker/lib/workflow/threaded-vm.js"

/** From src and from dist alike: a thread runs no TypeScript. */
const THREAD = fileURLToPath(new URL("../../../dist/worker/sandbox/thread.js", import.meta.url))

/** The SDK's worker; its workflows run in a thread of `thread.ts`. */
export class SandboxWorker extends Worker {
  protected static override async createWorkflowCreator(
    ...[workflowBundle, { activities, isolateExecutionTimeoutMs }, logger]: Parameters<
      typeof Worker.createWorkflowCreator
    >
  ): ReturnType<typeof Worker.createWorkflowCreator> {
    const thread = new WorkerThreadClient(new Thread(THREAD), logger)
    await thread.send({
      type: "init",
      workflowBundle,
      isolateExecutionTimeoutMs,
      reuseV8Context: true,
      registeredActivityNames: new Set(activities.keys()),
      hasPatchActivationCallback: false,
    })
    return new ThreadedVMWorkflowCreator([thread])
  }
}
