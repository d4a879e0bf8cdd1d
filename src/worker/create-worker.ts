/**
 * A worker of one queue: the one workflow, the connectors, or both. Both in one worker stay eager: a call that a
 * workflow task asks for is handed over with that task's answer.
 */
import { getHeapStatistics } from "node:v8"
import {
  type InjectedSinks,
  type NativeConnection,
  type WorkerOptions,
  type WorkflowBundleOption,
} from "@temporalio/worker"
import { TASK_QUEUE } from "../contract/messages.ts"
import type { MirrorChange } from "../contract/rows.ts"
import { builtWorkflowBundle, PAYLOAD_CONVERTER_PATH } from "./bundle.ts"
import { SandboxWorker } from "./sandbox/sandbox-worker.ts"

export interface HoldfastWorkerOptions {
  connection: NativeConnection
  namespace: string
  /** By activity type; from `createActivities`. Absent: it takes no calls. */
  activities?: Record<string, (input: never) => Promise<unknown>>
  /** Where the changes of workflows go. Absent: it runs no workflows. */
  mirror?: { push(change: MirrorChange): void }
  identity?: string
  /** Runs kept in memory. 0 replays every workflow task. Default: a quarter of the heap. */
  maxCachedWorkflows?: number
  /** Most calls under way at once; 200 unless said. */
  maxConcurrentCalls?: number
  /** How long running calls may go on after a shutdown was asked for. */
  shutdownGraceMs?: number
  workflowBundle?: WorkflowBundleOption
  taskQueue?: string
}

export interface HoldfastWorker {
  /** Ends after `shutdown`; rejects when the worker dies. */
  run(): Promise<void>
  shutdown(): void
  /** Whether it polls: false before `run`, after `shutdown` and when it died. */
  isRunning(): boolean
}

type MirrorSinks = { mirror: { push(change: MirrorChange): void } }

/** A blocked run of a small flow holds 110 to 140 KB. */
const BYTES_PER_RUN = 150 * 1024

export async function createHoldfastWorker(options: HoldfastWorkerOptions): Promise<HoldfastWorker> {
  const worker = await SandboxWorker.create(toWorkerOptions(options))
  return {
    run: () => worker.run(),
    shutdown: () => {
      // Asking twice is legal for our callers and an error for the SDK.
      if (worker.getState() === "RUNNING" || worker.getState() === "INITIALIZED") worker.shutdown()
    },
    isRunning: () => worker.getState() === "RUNNING",
  }
}

/** Also for whoever measures against a worker of the SDK's own. */
export function toWorkerOptions(options: HoldfastWorkerOptions): WorkerOptions {
  const { activities, mirror } = options
  return {
    connection: options.connection,
    namespace: options.namespace,
    taskQueue: options.taskQueue ?? TASK_QUEUE,
    ...(options.identity === undefined ? {} : { identity: options.identity }),
    ...(mirror === undefined ? {} : toWorkflowOptions(options, mirror)),
    ...(activities === undefined ? {} : { activities }),
    dataConverter: { payloadConverterPath: PAYLOAD_CONVERTER_PATH },
    maxEagerActivityReservationsPerWorkflowTask: 20,
    maxConcurrentWorkflowTaskExecutions: 100,
    // A call that waits for its target costs a socket and a promise; too few slots let slow targets starve the others.
    maxConcurrentActivityTaskExecutions: options.maxConcurrentCalls ?? 2_000,
    // The default of 10 s would hold every open run of a killed worker for that long.
    stickyQueueScheduleToStartTimeout: "2s",
    // A cancel reaches a running call with a heartbeat's answer.
    maxHeartbeatThrottleInterval: "2s",
    defaultHeartbeatThrottleInterval: "2s",
    shutdownGraceTime: options.shutdownGraceMs ?? 10_000,
    shutdownForceTime: (options.shutdownGraceMs ?? 10_000) + 10_000,
  }
}

function toWorkflowOptions(
  { workflowBundle, maxCachedWorkflows }: HoldfastWorkerOptions,
  mirror: MirrorSinks["mirror"],
): Pick<WorkerOptions, "workflowBundle" | "sinks" | "maxCachedWorkflows"> {
  const sinks: InjectedSinks<MirrorSinks> = {
    mirror: { push: { fn: (_info, change) => mirror.push(change), callDuringReplay: false } },
  }
  return {
    workflowBundle: workflowBundle ?? builtWorkflowBundle(),
    sinks,
    maxCachedWorkflows: maxCachedWorkflows ?? defaultCachedWorkflows(),
  }
}

function defaultCachedWorkflows(): number {
  return Math.floor(getHeapStatistics().heap_size_limit / 4 / BYTES_PER_RUN)
}
