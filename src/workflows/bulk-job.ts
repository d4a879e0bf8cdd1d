/**
 * One decision for many transactions, at a pace: a canary first, whose results are awaited, then the rest. What stops
 * it waits for a person. The job's items are in Postgres; this workflow knows how many there are, and `bulk-pace.ts`
 * when it is time for more.
 */
import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  defineUpdate,
  isCancellation,
  makeContinueAsNewFunc,
  proxyActivities,
  setHandler,
  workflowInfo,
} from "@temporalio/workflow"
import {
  BULK_COMMANDS,
  BULK_REQUEST_VERSION,
  BULK_TASK_QUEUE,
  type BulkActivities,
  type BulkCommand,
  type BulkProgress,
  type BulkStart,
  type BulkState,
  STATE_AFTER,
  UPDATE_COMMAND,
} from "../contract/bulk.ts"
import { REFUSED_FAILURE } from "../contract/messages.ts"
import { newPhase, nextStep, skipPause } from "./bulk-pace.ts"

/** Of one run's history, unless its start says otherwise. */
const MAX_EVENTS = 5_000

const POSSIBLE_IN: Record<BulkCommand, readonly BulkState[]> = {
  pause: ["running", "paused"],
  resume: ["running", "paused", "stopped"],
  cancel: ["running", "paused", "stopped", "cancelled"],
}

const { advanceBulkJob, saveBulkState } = proxyActivities<BulkActivities>({
  taskQueue: BULK_TASK_QUEUE,
  startToCloseTimeout: "2m",
  // A process that was killed is noticed so.
  heartbeatTimeout: "15s",
  retry: { initialInterval: "1s", maximumInterval: "10s" },
})

export async function bulkJob(start: BulkStart): Promise<{ state: BulkState }> {
  assertStart(start)
  const { tenant, job_id } = start
  const request = { tenant, job_id, version: BULK_REQUEST_VERSION }
  let phase = start.phase ?? newPhase(start)
  /** What it is to be, and what Postgres was told that it is. */
  let wanted = "running" as BulkState
  let state = (start.phase === undefined ? "preview" : "running") as BulkState

  const isCommanded = () => wanted !== state
  const advance = (limit: number, asked?: number) =>
    advanceBulkJob({ ...request, limit, ...(asked === undefined ? {} : { most_asked: asked + limit }) })
  const enter = async (next: BulkState, state_reason: string | null) => {
    const stored = (await saveBulkState({ ...request, state: next, state_reason })) ?? next
    // It is over already: its preview was cancelled while somebody started it.
    if (stored !== next) wanted = stored
    // What failed is tried again, as a canary.
    if (state === "stopped" && stored === "running") phase = newPhase(start)
    state = stored
  }
  const end = async (next: "completed" | "cancelled", reason: string | null) => {
    wanted = next
    await enter(next, reason)
    return close()
  }
  const close = async () => {
    await condition(allHandlersFinished)
    return { state }
  }

  setHandler(
    defineUpdate<BulkState, [BulkCommand]>(UPDATE_COMMAND),
    async (command) => {
      const to = STATE_AFTER[command]
      wanted = to
      await condition(() => !isCommanded() || wanted !== to)
      return state
    },
    { validator: (command) => assertPossible(command, wanted) },
  )

  /** @returns when a command came, or it is over. */
  const run = async (): Promise<"commanded" | "continue" | { done: string | null }> => {
    let progress: BulkProgress = await advance(0)
    while (!isCommanded()) {
      if (workflowInfo().historyLength > (start.max_events ?? MAX_EVENTS) && allHandlersFinished())
        return "continue"
      const step = nextStep(start, phase, progress, Date.now())
      if (step.kind === "done") return { done: step.reason }
      if (step.kind === "stop") {
        wanted = "stopped"
        await enter("stopped", step.reason)
        break
      }
      if (step.after_ms > 0 && (await condition(isCommanded, step.after_ms))) break
      progress = await advance(step.limit, progress.asked)
    }
    return "commanded"
  }

  try {
    for (;;) {
      if (isCommanded()) await enter(wanted, null)
      if (state === "cancelled" || state === "completed") return await close()
      if (state !== "running") {
        const since = Date.now()
        await condition(isCommanded)
        skipPause(phase, Date.now() - since)
        continue
      }
      const came = await run()
      if (came === "continue") return await makeContinueAsNewFunc<typeof bulkJob>()({ ...start, phase })
      if (came !== "commanded") return await end("completed", came.done)
    }
  } catch (thrown) {
    if (!isCancellation(thrown)) throw thrown
    return CancellationScope.nonCancellable(() => end("cancelled", "It was cancelled through Temporal."))
  }
}

/** Anybody with a Temporal client can start a workflow of any type, and send it anything. */
function assertStart(sent: unknown): asserts sent is BulkStart {
  const start = (typeof sent === "object" && sent !== null ? sent : {}) as Partial<
    Record<keyof BulkStart, unknown>
  >
  const hasNames = typeof start.tenant === "string" && typeof start.job_id === "string"
  if (hasNames && [start.velocity, start.canary, start.stop_above, start.settle_ms].every(Number.isFinite))
    return
  throw ApplicationFailure.create({
    type: "malformed_start",
    message: "A bulk job is started through Holdfast's API: its argument is not what the API sends.",
    nonRetryable: true,
  })
}

function assertPossible(command: unknown, state: BulkState): void {
  const known = BULK_COMMANDS.find((word) => word === command)
  if (known !== undefined && POSSIBLE_IN[known].includes(state)) return
  throw ApplicationFailure.create({
    type: REFUSED_FAILURE,
    message:
      known === undefined
        ? `expected ${BULK_COMMANDS.join(", ")}, got ${JSON.stringify(command)}`
        : `the job is ${state}: it cannot ${known}`,
    nonRetryable: true,
  })
}
