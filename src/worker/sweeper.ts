/**
 * Keeps the mirror true and transactions moving when a process dies between two steps. Of all sweepers on one
 * database one leads; the others try to take over every few seconds.
 *
 * What it does, each at its own pace:
 * - starts transactions that were accepted and not started;
 * - confirms ends that Temporal's close status bears out, and heals those it does not;
 * - notices runs the mirror does not follow: resets, workflows without a row;
 * - compares every open transaction with Temporal after a mirror writer vanished;
 * - compares those that have not moved for a minute;
 * - makes the next partitions of the tables that grow, and drops those that are over;
 * - gathers first statistics of tables that grew;
 * - deletes what ended longer ago than the retention.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { Client } from "@temporalio/client"
import type { Pool } from "pg"
import { toError } from "../contract/errors.ts"
import type { Dispatcher } from "../store/dispatch.ts"
import type { Logger } from "../store/logger.ts"
import type { MirrorWriter } from "../store/mirror/writer.ts"
import { analyzeNewTables } from "../store/queries/analyze-new-tables.ts"
import { dropPartitions } from "../store/drop-partitions.ts"
import { ensurePartitions } from "../store/partitions.ts"
import { createCheckStale } from "./sweeper/check-stale.ts"
import { createLeadership, type Leadership } from "./sweeper/leader.ts"
import { emptySummary, type Summary, type SweepContext, type SweepPart } from "./sweeper/parts.ts"
import { createPurge } from "./sweeper/purge.ts"
import { createReconciler } from "./sweeper/reconcile.ts"
import { createScanClosed } from "./sweeper/scan-closed.ts"
import { createScanStarted } from "./sweeper/scan-started.ts"
import { createStartOrphans } from "./sweeper/start-orphans.ts"
import { createWatchWriters } from "./sweeper/watch-writers.ts"

export type { Summary } from "./sweeper/parts.ts"

export interface SweeperOptions {
  pool: Pool
  client: Client
  dispatcher: Dispatcher
  writer: MirrorWriter
  logger: Logger
  /** How long a transaction is kept after its end; for ever unless said. */
  retentionMs?: number | undefined
  /** How long events are kept, in whole months; for ever unless said. */
  eventRetentionMs?: number | undefined
  intervals?: Partial<SweepIntervals>
}

/** Milliseconds between two runs of a part. */
export interface SweepIntervals {
  lead: number
  orphans: number
  closed: number
  started: number
  writers: number
  stale: number
  partitions: number
  statistics: number
  purge: number
}

export const DEFAULT_INTERVALS: SweepIntervals = {
  lead: 2_000,
  orphans: 2_000,
  closed: 2_000,
  started: 10_000,
  writers: 2_000,
  stale: 5_000,
  partitions: 24 * 60 * 60_000,
  statistics: 5_000,
  purge: 60_000,
}

export interface Sweeper {
  start(): void
  /** Waits for what is under way, gives leadership away. @throws AggregateError of what went wrong on the way. */
  stop(): Promise<void>
  /** Every part once, in this process, whoever leads. @throws the first part's error. */
  sweepOnce(): Promise<Summary>
}

export function createSweeper(options: SweeperOptions): Sweeper {
  const { pool, client, logger } = options
  const intervals = { ...DEFAULT_INTERVALS, ...options.intervals }
  const leadership = createLeadership(pool)
  const parts = createParts(options)
  const stopping = new AbortController()
  let loops: Promise<void>[] = []

  /** What each part last failed with: said once, not at every run. */
  const failures = new Map<string, string>()
  const run = async (name: string, part: () => Promise<boolean>): Promise<boolean> => {
    try {
      const isDone = await client.withAbortSignal(stopping.signal, part)
      if (failures.delete(name)) logger.info({ part: name }, "the sweep works again")
      return isDone
    } catch (thrown) {
      const error = toError(thrown).message
      if (!stopping.signal.aborted && failures.get(name) !== error) {
        failures.set(name, error)
        logger.warn({ part: name, error }, "a sweep was cut short")
      }
      return false
    }
  }

  /** What was not done (somebody else leads, or it failed) is tried at the pace of `lead`, if its own is slower. */
  const loop = async (name: string, everyMs: number, part: () => Promise<boolean>) => {
    while (!stopping.signal.aborted) {
      const isDone = await run(name, part)
      const waitMs = isDone ? everyMs : Math.min(everyMs, intervals.lead)
      // The sleep rejects when the sweeper stops.
      await sleep(waitMs, undefined, { signal: stopping.signal }).catch(() => {})
    }
  }

  return {
    start() {
      if (loops.length > 0) return
      const lead = loop("lead", intervals.lead, () => leadership.seek())
      const work = Object.entries(parts).map(([name, part]) =>
        // `parts` has a member for each interval but `lead`.
        loop(name, intervals[name as keyof SweepIntervals], () => runAsLeader(leadership, part)),
      )
      loops = [lead, ...work]
    },
    async stop() {
      stopping.abort()
      const results = await Promise.allSettled(loops)
      // Last, since a loop that was just about to lead may lead now.
      results.push(...(await Promise.allSettled([leadership.release()])))
      const errors = results.flatMap((result) =>
        result.status === "rejected" ? [toError(result.reason)] : [],
      )
      if (errors.length > 0) throw new AggregateError(errors, "the sweeper did not stop well")
    },
    async sweepOnce() {
      const summary = emptySummary()
      for (const part of Object.values(parts)) await part(summary)
      return summary
    },
  }
}

async function runAsLeader(leadership: Leadership, part: SweepPart): Promise<boolean> {
  if (!leadership.isHeld()) return false
  await part(emptySummary())
  return true
}

function createParts(options: SweeperOptions): Record<Exclude<keyof SweepIntervals, "lead">, SweepPart> {
  const context: SweepContext = { ...options, reconciler: createReconciler(options) }
  return {
    orphans: createStartOrphans(context),
    closed: createScanClosed(context),
    started: createScanStarted(context),
    writers: createWatchWriters(context),
    stale: createCheckStale(context),
    partitions: async () => {
      await ensurePartitions(options.pool)
      await dropPartitions(options.pool, { eventsOlderThanMs: options.eventRetentionMs })
    },
    statistics: async () => {
      await analyzeNewTables(options.pool)
    },
    purge: createPurge(context, options.retentionMs),
  }
}
