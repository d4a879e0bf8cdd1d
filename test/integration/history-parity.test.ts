/**
 * What Holdfast costs in Temporal's history, against a workflow written by hand with the same activities:
 * events per type must be equal, `WorkflowTask*` apart, because activations batch by timing.
 */
import { fileURLToPath } from "node:url"
import { randomUUID } from "node:crypto"
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Worker } from "@temporalio/worker"
import { Client } from "@temporalio/client"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { createStopList } from "../../src/app/stop-list.ts"
import { type EffectLedger, startEffectLedger } from "../helpers/effect-ledger.ts"
import { testTemporal } from "../helpers/temporal.ts"
import { countEvents, startWorkflowRig, type WorkflowRig } from "../helpers/workflow-rig.ts"

const QUEUE = "by-hand"

const task = (id: string, depends_on: string[] = []) => ({
  id,
  task_name: "http",
  depends_on,
  effect: "keyed",
  config: { connection: "ledger", url: `/do/${id}`, body: { task: id } },
})
const inARow = [task("t0"), task("t1", ["t0"]), task("t2", ["t1"])]
const inParallel = Array.from({ length: 10 }, (_, at) => task(`t${at}`))
const inLayers = Array.from({ length: 100 }, (_, at) => {
  const [layer, column] = [Math.floor(at / 10), at % 10]
  const above = (shift: number) => `t${(layer - 1) * 10 + ((column + shift) % 10)}`
  return task(`t${at}`, layer === 0 ? [] : [above(0), above(1)])
})

let ledger: EffectLedger
let rig: WorkflowRig
let byHand: { client: Client; stop(): Promise<void> }
const stops = createStopList()
beforeAll(async () => {
  ledger = await startEffectLedger()
  stops.add("the ledger", () => ledger.stop())
  rig = await startWorkflowRig({
    connections: [{ name: "ledger", kind: "http", base_url: ledger.url, profile: "plain" }],
  })
  stops.add("the rig", () => rig.stop())
  byHand = await startByHand()
  stops.add("the worker by hand", () => byHand.stop())
})
afterAll(stops.stop)

describe("history events per type", () => {
  test.each([
    { shape: "three in a row", tasks: inARow },
    { shape: "ten in parallel", tasks: inParallel },
    { shape: "100 in 10 layers", tasks: inLayers },
  ])("$shape: equal to a workflow written by hand", async ({ tasks }) => {
    const run = await rig.start({ name: "parity", tasks })
    await run.handle.result()
    const ours = countEvents(await run.history())

    const handle = await byHand.client.workflow.start("layers", {
      workflowId: randomUUID(),
      taskQueue: QUEUE,
      args: [{ url: ledger.url, tasks: tasks.map(({ id, depends_on }) => ({ id, depends_on })) }],
    })
    await handle.result()
    expect(ours).toEqual(countEvents(await handle.fetchHistory()))
    expect(ours.activityTaskScheduledEventAttributes).toBe(tasks.length)
  })
})

async function startByHand(): Promise<typeof byHand> {
  const { address, namespace } = await testTemporal()
  const connection = await NativeConnection.connect({ address })
  const workflowBundle = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL("workflows/by-hand.ts", import.meta.url)),
    logger: new DefaultLogger("ERROR"),
  })
  const worker = await Worker.create({
    connection,
    namespace,
    taskQueue: QUEUE,
    workflowBundle,
    activities: {
      http: async ({ url, body }: { url: string; body: unknown }) => {
        const response = await fetch(url, {
          method: "POST",
          body: JSON.stringify(body),
          headers: { "idempotency-key": randomUUID() },
        })
        return response.json()
      },
    },
  })
  const running = worker.run()
  return {
    client: new Client({ connection, namespace }),
    stop: async () => {
      worker.shutdown()
      await running
      await connection.close()
    },
  }
}
