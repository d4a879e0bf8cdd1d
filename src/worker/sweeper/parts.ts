import type { Client } from "@temporalio/client"
import type { Pool } from "pg"
import type { Dispatcher } from "../../store/dispatch.ts"
import type { Logger } from "../../store/logger.ts"
import type { Reconciler } from "./reconcile.ts"

/** What one sweep did. */
export interface Summary {
  /** Orphans whose workflow was started. */
  started: number
  /** Ends that were seen in Temporal and are final now. */
  confirmed: number
  /** Transactions compared with Temporal. */
  checked: number
  /** Of these, those whose mirror differed. */
  healed: number
  /** Of these, those that nobody could answer for; they are asked again. */
  away: number
  /** Rows made for workflows that had none. */
  adopted: number
  vanished_writers: number
  /** Deleted, since they ended longer ago than the retention. */
  purged: number
}

export interface SweepContext {
  pool: Pool
  client: Client
  dispatcher: Dispatcher
  reconciler: Reconciler
  logger: Logger
}

/** One part of the sweeper's work. Counts into `summary`; throws what stops it, and is run again later. */
export type SweepPart = (summary: Summary) => Promise<void>

export function emptySummary(): Summary {
  return {
    started: 0,
    confirmed: 0,
    checked: 0,
    healed: 0,
    away: 0,
    adopted: 0,
    vanished_writers: 0,
    purged: 0,
  }
}
