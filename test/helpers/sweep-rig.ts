import { ApplicationFailure, Client } from "@temporalio/client"
import { NativeConnection } from "@temporalio/worker"
import type { Pool } from "pg"
import type { CallAnswer, CallFailure } from "../../src/contract/activities.ts"
import { toWorkflowId } from "../../src/contract/names.ts"
import type { MirrorChange } from "../../src/contract/rows.ts"
import { packPlan, planHash } from "../../src/flow/plan-bytes.ts"
import { createDispatcher, type Dispatcher } from "../../src/store/dispatch.ts"
import { readMirror, type StoredMirror } from "../../src/store/mirror/read-mirror.ts"
import { createMirrorWriter, type MirrorWriter } from "../../src/store/mirror/writer.ts"
import { createPool } from "../../src/store/pool.ts"
import { PAYLOAD_CONVERTER_PATH } from "../../src/worker/bundle.ts"
import { createHoldfastWorker } from "../../src/worker/create-worker.ts"
import { createSweeper, type Summary, type Sweeper } from "../../src/worker/sweeper.ts"
import { createTestDatabase } from "./database.ts"
import { createListeningLogger, type LogLine } from "./listening-logger.ts"
import { quietTemporal } from "./quiet-temporal.ts"
import { testTemporal } from "./temporal.ts"
import { until } from "./until.ts"
import { compile } from "./workflow-rig.ts"

/** What the activity of a task does next; by task path. `hang` waits until it is cancelled or changed. */
export type Behaviour = "succeed" | "refuse" | "hang"

interface PublishOptions {
  onError?: "park" | "fail"
  effect?: "keyed" | "unsafe"
  /** One after the other; `a` and `b` unless said. */
  tasks?: string[]
  /** Of task `a`; makes the plan as large as it is long. */
  description?: string
  /** Of business keys. */
  onDuplicate?: "reject"
}

export interface SweepRig {
  pool: Pool
  client: Client
  connection: NativeConnection
  namespace: string
  dispatcher: Dispatcher
  sweeper: Sweeper
  lines: LogLine[]
  behaviours: Map<string, Behaviour>
  /** False loses every row, as a worker that dies before each flush would. */
  mirrors: boolean
  startWorker(): Promise<void>
  stopWorker(): Promise<void>
  openWriter(): MirrorWriter
  openSweeper(options?: { client?: Client; retentionMs?: number }): Sweeper
  /** Publishes a flow, whose output is that of its last task. */
  publish(flowId: string, options?: PublishOptions): Promise<void>
  /** Stores a transaction as the API does, and starts it unless it shall be an orphan. */
  accept(instanceId: string, options?: { flowId?: string; start?: boolean }): Promise<void>
  mirror(instanceId: string): Promise<StoredMirror>
  /** Sweeps until the mirror is as wanted. @returns what the sweeps did together. */
  sweepUntil(instanceId: string, wanted: (mirror: StoredMirror) => boolean): Promise<Summary>
  waitForStatus(instanceId: string, status: string): Promise<void>
  stop(): Promise<void>
}

export async function startSweepRig(): Promise<SweepRig> {
  const database = await createTestDatabase()
  const { address, namespace } = await testTemporal()
  const pool = createPool({ url: database.url })
  quietTemporal()
  const connection = await NativeConnection.connect({ address })
  const client = new Client({
    connection,
    namespace,
    dataConverter: { payloadConverterPath: PAYLOAD_CONVERTER_PATH },
  })
  const logger = createListeningLogger()
  const writers: MirrorWriter[] = []
  const openWriter = () => {
    const writer = createMirrorWriter({ pool, logger })
    writers.push(writer)
    return writer
  }
  const workerWriter = openWriter()
  const sweepWriter = openWriter()
  const dispatcher = createDispatcher({ pool, client, logger })
  const behaviours = new Map<string, Behaviour>()
  let worker: { stop(): Promise<void> } | undefined

  const openSweeper: SweepRig["openSweeper"] = (options = {}) =>
    createSweeper({ pool, client, dispatcher, writer: sweepWriter, logger, ...options })
  const mirror = async (instanceId: string) => {
    const found = await readMirror(pool, { tenant: "default", transaction_id: instanceId })
    if (!found) throw new Error(`${instanceId} has no row`)
    return found
  }

  const rig: SweepRig = {
    pool,
    client,
    connection,
    namespace,
    dispatcher,
    sweeper: openSweeper(),
    lines: logger.lines,
    behaviours,
    mirrors: true,
    openWriter,
    openSweeper,
    mirror,
    async startWorker() {
      worker = await runWorker({
        connection,
        namespace,
        behaviours,
        push: (change) => {
          if (rig.mirrors) workerWriter.push(change)
        },
      })
    },
    async stopWorker() {
      await worker?.stop()
      worker = undefined
    },
    publish: (flowId, options = {}) => publish(pool, flowId, options),
    async accept(instanceId, { flowId = "order", start = true } = {}) {
      await pool.query(
        `insert into txn
           (tenant_id, instance_id, workflow_id, flow_id, flow_name, flow_version, plan_hash, params, request_hash, actor)
         select 'default', $1, $2, flow_id, flow_id, version, plan_hash, '{"amount":5}', 'request', 'ann'
         from flow_version where flow_id = $3`,
        [instanceId, toWorkflowId("default", instanceId), flowId],
      )
      if (start) await dispatcher.dispatch("default", instanceId)
    },
    async sweepUntil(instanceId, wanted) {
      const total = new Map<string, number>()
      await until(async () => {
        for (const [name, count] of Object.entries(await rig.sweeper.sweepOnce()))
          total.set(name, (total.get(name) ?? 0) + Number(count))
        return mirror(instanceId)
      }, wanted)
      // The sums have the members of what was summed.
      return Object.fromEntries(total) as unknown as Summary
    },
    async waitForStatus(instanceId, status) {
      const handle = client.workflow.getHandle(toWorkflowId("default", instanceId))
      await until(
        async () => (await handle.describe()).status.name,
        (name) => name === status,
      )
    },
    async stop() {
      await worker?.stop()
      for (const writer of writers) await writer.close()
      await pool.end()
      await connection.close()
      await database.drop()
    },
  }
  return rig
}

async function publish(
  pool: Pool,
  flowId: string,
  { onError = "park", effect = "keyed", tasks: ids = ["a", "b"], description, onDuplicate }: PublishOptions,
): Promise<void> {
  const task = (id: string, position: number) => ({
    id,
    task_name: "http",
    effect,
    depends_on: ids.slice(Math.max(0, position - 1), position),
    retry: { strategy: "no_retry" },
    on_error: onError,
    config: {
      connection: "target",
      url: `/${id}`,
      method: "POST",
      ...(description && { body: description }),
    },
  })
  const once = onDuplicate && { on_duplicate: onDuplicate, business_key: "${ params.order }" }
  const plan = compile(
    { name: flowId, output: `\${ tasks.${ids.at(-1)}.output }`, tasks: ids.map(task), ...once },
    [{ name: "target", kind: "http", base_url: "http://127.0.0.1:9" }],
  )
  await pool.query("insert into flow (tenant_id, id, name, active_version) values ('default', $1, $1, 1)", [
    flowId,
  ])
  await pool.query(
    `insert into flow_version (tenant_id, flow_id, version, source, source_kind, plan, plan_hash)
     values ('default', $1, 1, '{}', 'object', $2, $3)`,
    [flowId, Buffer.from(packPlan(plan)), planHash(plan)],
  )
}

interface WorkerOptions {
  connection: NativeConnection
  namespace: string
  behaviours: Map<string, Behaviour>
  push: (change: MirrorChange) => void
}

/** The real workflow; calls that do what the test says instead of calling anybody. */
async function runWorker({
  connection,
  namespace,
  behaviours,
  push,
}: WorkerOptions): Promise<{ stop(): Promise<void> }> {
  const http = async (input: { config: { url: string } }): Promise<CallAnswer> => {
    const path = input.config.url.slice(1)
    const behaviour = await until(
      () => behaviours.get(path) ?? "succeed",
      (found) => found !== "hang",
    )
    if (behaviour === "succeed") return { output: { done: path } }
    const failure: CallFailure = { class: "refused", outcome: "rejected", code: "HTTP_422" }
    throw ApplicationFailure.create({
      type: failure.code,
      message: "refused",
      nonRetryable: true,
      details: [failure],
    })
  }
  const worker = await createHoldfastWorker({
    connection,
    namespace,
    activities: { http },
    mirror: { push },
    shutdownGraceMs: 200,
  })
  const running = worker.run()
  return {
    async stop() {
      worker.shutdown()
      await running
    },
  }
}
