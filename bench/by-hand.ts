import { readFile, writeFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import type { Client } from "@temporalio/client"
import { bundleWorkflowCode, DefaultLogger, type NativeConnection, Worker } from "@temporalio/worker"
import { DEFAULT_TENANT, TASK_QUEUE } from "../src/contract/messages.ts"
import { toWorkflowId } from "../src/contract/names.ts"
import type { Starter } from "./caller.ts"
import { createConnectors, runWorker } from "./worker.ts"
import { CONNECTION, toConnections, type Workload } from "./workloads.ts"

interface Options {
  connection: NativeConnection
  client: Client
  workload: Workload
  targetUrl: string
  bundlePath: string
}

/** Made once for all turns. */
export async function bundleByHand(file: string): Promise<void> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL("workflows/by-hand.ts", import.meta.url)),
    preloadModules: ["@temporalio/workflow"],
    logger: new DefaultLogger("ERROR"),
  })
  await writeFile(file, code)
}

export async function startByHand(options: Options): Promise<Starter> {
  const { connection, client, workload, targetUrl, bundlePath } = options
  const connectors = createConnectors(toConnections(targetUrl))
  const http = async ({ url, body }: { url: string; body: unknown }): Promise<unknown> => {
    const config = { connection: CONNECTION, url, method: "POST", success: ["2xx"], reject: [], body }
    return (await connectors.activities.http({ config, effect: "keyed" })).output
  }
  const stopWorker = await runWorker(Worker, {
    connection,
    activities: { http },
    workflowBundle: { code: await readFile(bundlePath, "utf8") },
  })
  return {
    start: createStart({ client, workload, requestEagerStart: true }),
    async stop() {
      await stopWorker()
      await connectors.close()
    },
  }
}

/** For a worker in another process. */
export function startApart({ client, workload }: Pick<Options, "client" | "workload">): Starter {
  return {
    start: createStart({ client, workload, requestEagerStart: false }),
    stop: () => Promise.resolve(),
  }
}

interface StartOptions extends Pick<Options, "client" | "workload"> {
  requestEagerStart: boolean
}

function createStart({ client, workload, requestEagerStart }: StartOptions): Starter["start"] {
  return async (instanceId) => {
    await client.workflow.start(workload.needsPerson ? "repaired" : "layers", {
      workflowId: toWorkflowId(DEFAULT_TENANT, instanceId),
      taskQueue: TASK_QUEUE,
      args: [workload.tasks],
      requestEagerStart,
    })
  }
}
