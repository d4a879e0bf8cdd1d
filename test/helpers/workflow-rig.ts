import { randomUUID } from "node:crypto"
import { Client, type WorkflowHandle } from "@temporalio/client"
import type { temporal } from "@temporalio/proto"
import { NativeConnection, type WorkflowBundleOption } from "@temporalio/worker"
import { createActivities } from "../../src/activities/index.ts"
import { createOutboundGuard } from "../../src/activities/outbound/guard.ts"
import type { Connection } from "../../src/contract/connections.ts"
import { CURRENT_FLAGS } from "../../src/contract/flags.ts"
import {
  type Decision,
  type DecisionAnswer,
  DEFAULT_THRESHOLDS,
  type StartInput,
  TASK_QUEUE,
  type Thresholds,
} from "../../src/contract/messages.ts"
import { toWorkflowId } from "../../src/contract/names.ts"
import type { Plan } from "../../src/contract/plan.ts"
import type { AttemptRow, MirrorChange, View } from "../../src/contract/rows.ts"
import { packPlan, planHash } from "../../src/flow/plan-bytes.ts"
import { validateFlow } from "../../src/flow/validate.ts"
import type { OutputStore } from "../../src/store/output-store.ts"
import { askRun } from "../../src/store/temporal/ask-run.ts"
import { PAYLOAD_CONVERTER_PATH } from "../../src/worker/bundle.ts"
import { createHoldfastWorker } from "../../src/worker/create-worker.ts"
import { NO_OUTPUTS } from "./no-outputs.ts"
import { quietTemporal } from "./quiet-temporal.ts"
import { type TestTemporal, testTemporal } from "./temporal.ts"
import { until } from "./until.ts"

export type History = temporal.api.history.v1.IHistory

export interface RigOptions {
  connections?: Connection[]
  /** 0 forces a replay at every workflow task. */
  maxCachedWorkflows?: number
  /** Where large outputs are kept; without it none can be. */
  outputs?: OutputStore
  /** Another build's. */
  workflowBundle?: WorkflowBundleOption
  /** Another rig's: two workers side by side. */
  temporal?: TestTemporal
}

export interface StartOptions {
  instanceId?: string
  thresholds?: Partial<Thresholds>
  /** Send the plan as a second argument, as large plans travel. */
  packed?: boolean
  /** Behaviours the run is started with; those of this build unless said. */
  flags?: number[]
}

export interface Run {
  handle: WorkflowHandle
  instanceId: string
  view(): Promise<View>
  /** Waits until a view satisfies `wanted`. */
  reaches(wanted: (view: View) => boolean): Promise<View>
  decide(decision: Partial<Decision> & Pick<Decision, "action">, updateId?: string): Promise<DecisionAnswer>
  history(): Promise<History>
}

export interface WorkflowRig {
  client: Client
  temporal: TestTemporal
  namespace: string
  changes: MirrorChange[]
  attempts: AttemptRow[]
  start(definition: object, params?: unknown, options?: StartOptions): Promise<Run>
  runOf(handle: WorkflowHandle, instanceId: string): Run
  stop(): Promise<void>
}

/** The real worker with the real connectors, in a namespace of its own; rows are collected instead of stored. */
export async function startWorkflowRig(options: RigOptions = {}): Promise<WorkflowRig> {
  const { address, namespace } = await (options.temporal ?? testTemporal())
  quietTemporal()
  const connection = await NativeConnection.connect({ address })
  const client = new Client({
    connection,
    namespace,
    dataConverter: { payloadConverterPath: PAYLOAD_CONVERTER_PATH },
  })
  const connections = options.connections ?? []
  const changes: MirrorChange[] = []
  const attempts: AttemptRow[] = []
  const connectors = createActivities({
    targets: () => ({
      connections: { find: (name) => connections.find((found) => found.name === name) },
      secrets: () => undefined,
      refresh: () => Promise.resolve(),
    }),
    guard: createOutboundGuard({ allowLoopback: true }),
    outputs: options.outputs ?? NO_OUTPUTS,
    recordAttempt: (row) => void attempts.push(row),
    logger: { info: () => {}, warn: () => {}, error: () => {} },
  })
  const worker = await createHoldfastWorker({
    connection,
    namespace,
    activities: connectors.activities,
    mirror: { push: (change) => void changes.push(change) },
    shutdownGraceMs: 500,
    ...(options.workflowBundle === undefined ? {} : { workflowBundle: options.workflowBundle }),
    ...(options.maxCachedWorkflows === undefined ? {} : { maxCachedWorkflows: options.maxCachedWorkflows }),
  })
  const running = worker.run()

  const runOf = (handle: WorkflowHandle, instanceId: string): Run => {
    const view = () => askRun(() => handle.query<View>("state"))
    return {
      handle,
      instanceId,
      view,
      reaches: (wanted) => until(view, wanted),
      decide: ({ id, ...decision }, updateId = id ?? randomUUID()) =>
        handle.executeUpdate<DecisionAnswer, [object]>("decide", {
          args: [{ actor: "ann", reason: "test", ...decision }],
          updateId,
        }),
      history: () => handle.fetchHistory(),
    }
  }

  return {
    client,
    temporal: { address, namespace },
    namespace,
    changes,
    attempts,
    runOf,
    async start(definition, params = {}, startOptions = {}) {
      const plan = compile(definition, connections)
      const instanceId = startOptions.instanceId ?? randomUUID()
      const input: StartInput = {
        plan_hash: planHash(plan),
        ...(startOptions.packed ? {} : { plan }),
        params,
        tenant: "default",
        transaction: instanceId,
        flags: startOptions.flags ?? [...CURRENT_FLAGS],
        thresholds: { ...DEFAULT_THRESHOLDS, ...startOptions.thresholds },
      }
      const handle = await client.workflow.start(plan.flow, {
        workflowId: toWorkflowId("default", instanceId),
        taskQueue: TASK_QUEUE,
        args: startOptions.packed ? [input, packPlan(plan)] : [input],
      })
      return runOf(handle, instanceId)
    },
    async stop() {
      worker.shutdown()
      await running
      await connectors.close()
      await connection.close()
    },
  }
}

export function compile(definition: object, connections: Connection[] = []): Plan {
  const { plan, problems } = validateFlow({ name: "test_flow", ...definition }, { connections })
  if (!plan) throw new Error(`the test's flow is invalid: ${JSON.stringify(problems)}`)
  return plan
}

/** Events per type, `WorkflowTask*` apart: activations batch by timing. */
export function countEvents(history: History): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const event of history.events ?? []) {
    const type = Object.keys(event).find((key) => key.endsWith("EventAttributes")) ?? "unknown"
    if (type.startsWith("workflowTask")) continue
    counts[type] = (counts[type] ?? 0) + 1
  }
  return counts
}

export function workflowTaskFailures(history: History): string[] {
  return (history.events ?? []).flatMap(
    (event) => event.workflowTaskFailedEventAttributes?.failure?.message ?? [],
  )
}
