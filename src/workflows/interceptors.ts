/** Two hooks around every activation: bad messages are dropped before it, rows leave after it. */
import { proxySinks, type Sinks, type WorkflowInterceptorsFactory, workflowInfo } from "@temporalio/workflow"
import { REPLAY_FOR_MIRROR } from "../contract/messages.ts"
import type { Changes, MirrorChange } from "../contract/rows.ts"
import { stage } from "./stage.ts"

export interface MirrorSinks extends Sinks {
  mirror: { push(change: MirrorChange): void }
}

const RESERVED_PREFIX = "__temporal_"
const RESERVED_NAMES = ["__stack_trace", "__enhanced_stack_trace"]

export const interceptors: WorkflowInterceptorsFactory = () => ({
  internals: [
    {
      activate(input, next) {
        dropReserved(input.activation)
        stage.hasNews = input.activation.jobs?.some((job) => job.resolveActivity) ?? false
        stage.isActivating = true
        try {
          next(input)
        } finally {
          stage.isActivating = false
        }
      },
      concludeActivation(input, next) {
        stage.hasNews = false
        report()
        return next(input)
      },
    },
  ],
})

/** A signal of a reserved name would be handed to the default handler, which throws: the run would hang for good. */
function dropReserved(activation: {
  jobs?: { signalWorkflow?: { signalName?: string | null } | null }[] | null
}): void {
  const { jobs } = activation
  if (!jobs) return
  for (let at = jobs.length - 1; at >= 0; at--) {
    const name = jobs[at]?.signalWorkflow?.signalName
    if (!name || !(name.startsWith(RESERVED_PREFIX) || RESERVED_NAMES.includes(name))) continue
    jobs.splice(at, 1)
    stage.ignore(name)
  }
}

const mirror = proxySinks<MirrorSinks>().mirror
let wasReplayed = false
let isFirst = true
let lastHistoryLength = -1
let ordinal = 0

function report(): void {
  const { machine, start } = stage
  if (!machine || !start) return
  const info = workflowInfo()
  const { isReplaying, isReplayingHistoryEvents } = info.unsafe
  if (isReplayingHistoryEvents && !info.taskQueue.startsWith(REPLAY_FOR_MIRROR)) {
    wasReplayed = true
    return
  }
  // A query: replaying, but no history events. Its sink calls would be delivered.
  if (isReplaying && !isReplayingHistoryEvents) return
  const isReset = info.runId !== info.originalExecutionRunId
  const complete = wasReplayed || (isFirst && (isReset || machine.chain > 0))
  wasReplayed = false
  isFirst = false
  const changes = machine.takeChanges(complete ? "all" : "dirty")
  if (isEmpty(changes)) return
  ordinal = info.historyLength === lastHistoryLength ? ordinal + 1 : 0
  lastHistoryLength = info.historyLength
  mirror.push({
    ...changes,
    tenant: start.tenant,
    transaction_id: start.transaction,
    workflow_id: info.workflowId,
    run_id: info.runId,
    original_run_id: info.originalExecutionRunId ?? info.runId,
    ...(start.reset_run === undefined ? {} : { reset_run: start.reset_run }),
    chain: machine.chain,
    history_length: info.historyLength,
    ordinal,
    complete,
  })
}

function isEmpty({ transaction, tasks, exceptions, decisions }: Changes): boolean {
  return transaction === null && tasks.length === 0 && exceptions.length === 0 && decisions.length === 0
}
