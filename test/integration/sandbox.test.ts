/** The thread of `worker/sandbox`: it watches as the SDK's own does, and is no other place to a workflow. */
import { randomUUID } from "node:crypto"
import { fileURLToPath } from "node:url"
import { Client } from "@temporalio/client"
import { bundleWorkflowCode, DefaultLogger, type InjectedSinks, NativeConnection } from "@temporalio/worker"
import { afterAll, beforeAll, expect, test } from "vitest"
import { SandboxWorker } from "../../src/worker/sandbox/sandbox-worker.ts"
import { quietTemporal } from "../helpers/quiet-temporal.ts"
import { testTemporal } from "../helpers/temporal.ts"
import { until } from "../helpers/until.ts"
import { workflowTaskFailures } from "../helpers/workflow-rig.ts"
import type { StuckSinks, Way } from "./workflows/stuck.ts"

const QUEUE = "stuck"
let client: Client
let worker: SandboxWorker
let running: Promise<void>
let connection: NativeConnection

const heard: Way[] = []
const sinks: InjectedSinks<StuckSinks> = {
  ears: { hear: { fn: (_info, way) => void heard.push(way) } },
}

beforeAll(async () => {
  quietTemporal()
  const { address, namespace } = await testTemporal()
  connection = await NativeConnection.connect({ address })
  client = new Client({ connection, namespace })
  worker = await SandboxWorker.create({
    connection,
    namespace,
    taskQueue: QUEUE,
    sinks,
    workflowBundle: await bundleWorkflowCode({
      workflowsPath: fileURLToPath(new URL("workflows/stuck.ts", import.meta.url)),
      logger: new DefaultLogger("ERROR"),
    }),
  })
  running = worker.run()
})
afterAll(async () => {
  worker.shutdown()
  await running
  await connection.close()
})

const start = (way: Way) =>
  client.workflow.start("stuck", { workflowId: randomUUID(), taskQueue: QUEUE, args: [way] })

test.each(["at once", "in a microtask"] as const)(
  "a workflow that does not come back %s fails its task after 5 s, and the next one runs",
  async (way) => {
    const run = await start(way)
    const [failure] = await until(
      async () => workflowTaskFailures(await run.fetchHistory()),
      (failures) => failures.length > 0,
      { timeoutMs: 30_000 },
    )
    expect(failure).toBe("Script execution timed out after 5000ms")
    // What it said before it was ended is not lost.
    expect(heard).toContain(way)
    await run.terminate()
    expect(await (await start("not at all")).result()).toBe("came back")
  },
)

test("a query that does not come back is told so, and the run goes on", async () => {
  const run = await start("in a handler")
  await expect(run.query("ask")).rejects.toThrow("Script execution timed out after 5000ms")
  await run.terminate()
  expect(await (await start("not at all")).result()).toBe("came back")
})
