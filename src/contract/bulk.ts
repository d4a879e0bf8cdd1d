/** Bulk jobs: what travels between the API, which carries decisions out, and the workflow, which paces them. */

/** No flow can have this name. */
export const BULK_WORKFLOW = "holdfast:bulk-job"
/** Where the activities of bulk jobs are taken: by processes with the API, which decides for people too. */
export const BULK_TASK_QUEUE = "holdfast-bulk"
export const UPDATE_COMMAND = "command"

/** Nothing that needs somebody's word about one certain case. */
export const BULK_ACTIONS = ["retry", "probe", "pause", "resume", "cancel", "abort"] as const
export type BulkAction = (typeof BULK_ACTIONS)[number]

export const BULK_STATES = [
  /** Frozen, and not started. */
  "preview",
  "running",
  "paused",
  /** Too much failed. Goes on when a person resumes it. */
  "stopped",
  "completed",
  "cancelled",
] as const
export type BulkState = (typeof BULK_STATES)[number]

export const BULK_ITEM_STATES = [
  "pending",
  /** Decided; what came of it is not known yet. */
  "sent",
  "succeeded",
  "failed",
  /** Nothing was changed. */
  "refused",
] as const
export type BulkItemState = (typeof BULK_ITEM_STATES)[number]

export const BULK_COMMANDS = ["pause", "resume", "cancel"] as const
export type BulkCommand = (typeof BULK_COMMANDS)[number]

/** What a command makes of a job. */
export const STATE_AFTER = {
  pause: "paused",
  resume: "running",
  cancel: "cancelled",
} as const satisfies Record<BulkCommand, BulkState>

export interface BulkKey {
  tenant: string
  job_id: string
}

/** How a job goes about it. */
export interface BulkPace {
  /** Decisions in a second. */
  velocity: number
  /** So many results are awaited before the rest goes on; 0 for none. */
  canary: number
  /** The share of failures, above which it stops: 0 to 1. */
  stop_above: number
  /** How long results are awaited, of the canary and at the end. */
  settle_ms: number
}

/** Where a job is between two steps. Times are milliseconds since the epoch. */
export interface BulkPhase {
  in_canary: boolean
  /** When more may be sent. */
  next_at: number
  /** Until when results are awaited; null while none are. */
  settle_by: number | null
  /** Between two looks at results. */
  poll_ms: number
  /** How many had been asked when nothing more could be; absent while it moves. */
  stuck_at?: number | undefined
}

/** Argument of the workflow. */
export interface BulkStart extends BulkKey, BulkPace {
  /** Of a run that continues an earlier one. */
  phase?: BulkPhase
  /** Of one run's history, before another run goes on; 5,000 unless said. */
  max_events?: number
}

/** What a job has come to. */
export interface BulkProgress {
  pending: number
  /** Without a result. */
  sent: number
  /** Since it was started or resumed: what is without a result, and of the results the last, `BULK_WINDOW` at most. */
  recent: { sent: number; settled: number; failed: number }
  /** Of the last step, where nothing could be asked: Temporal is away, or these transactions do not answer. */
  stuck: boolean
  /** So many have been asked, whatever they answered. Not told to code that asks without a version. */
  asked?: number
}

export const BULK_WINDOW = 50

/**
 * Of the workflow's code that asks an activity. It is told what that code acts on and no more: later code that replays
 * the history sees by the answers what was acted on, also while processes of two builds are at work.
 */
export const BULK_REQUEST_VERSION = 2

interface BulkRequest extends BulkKey {
  /** Absent before there was a second one. */
  version?: number
}

export interface BulkLimit {
  limit: number
  /** Together with all that were asked before: a step that was cut and is tried again does not begin anew. */
  most_asked?: number
}

export interface BulkActivities {
  /** Looks what came of decisions, and carries out up to `limit` more. */
  advanceBulkJob(request: BulkRequest & BulkLimit): Promise<BulkProgress>
  /** @returns what it is now: another state where it was over already. Not told to code that asks without a version. */
  saveBulkState(
    request: BulkRequest & { state: BulkState; state_reason: string | null },
  ): Promise<BulkState | undefined>
}
