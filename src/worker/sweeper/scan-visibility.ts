/**
 * Reads what Temporal's visibility lists since a watermark, newest first. Visibility is written a moment after the
 * fact and is limited to some ten requests a second, and each run in a list costs the server reads of its own. So
 * most scans reach back a few seconds behind what was seen, and end at the first page that holds nothing new; every
 * half minute one reads a whole minute, to the end.
 */
import { TASK_QUEUE } from "../../contract/messages.ts"
import { findWatermark } from "../../store/queries/find-watermark.ts"
import { storeWatermark } from "../../store/queries/store-watermark.ts"
import { type ListedRun, listRuns } from "../../store/temporal/list-runs.ts"
import type { SweepContext, SweepPart, Summary } from "./parts.ts"

export interface Scan {
  /** Under which the watermark is stored. */
  name: string
  /** Which runs; the window and the task queue are added. */
  attribute: "CloseTime" | "StartTime"
  filter?: string
  timeOf(run: ListedRun): Date | undefined
  /**
   * Looks at runs that were not seen before. @returns those that need not be shown again. One run alone is never a
   * reason to throw: it would be shown first each time, and nothing behind it.
   */
  handle(runs: ListedRun[], summary: Summary): Promise<ListedRun[]>
}

type Reach = "quick" | "whole"
const PAGE = { quick: 200, whole: 1_000 }
const WINDOW_MS = { quick: 4_000, whole: 60_000 }
const WHOLE_EVERY_MS = 30_000
/** Before the first scan of a database: older ones are found as stale. */
const FIRST_WINDOW_MS = 10 * 60_000

export function createVisibilityScan(
  { pool, client }: Pick<SweepContext, "pool" | "client">,
  scan: Scan,
): SweepPart {
  const seen = new Map<string, number>()
  /** Shown, and to be shown again: they need not be listed for that. */
  const unsettled = new Map<string, ListedRun>()
  let watermark: number | undefined
  /** By a clock that nobody sets back. */
  let lastWhole = Number.NEGATIVE_INFINITY

  const timeOf = (run: ListedRun): number => scan.timeOf(run)?.getTime() ?? 0

  const show = async (runs: ListedRun[], summary: Summary): Promise<void> => {
    if (runs.length === 0) return
    for (const run of runs) unsettled.set(run.runId, run)
    for (const run of await scan.handle(runs, summary)) {
      seen.set(run.runId, timeOf(run))
      unsettled.delete(run.runId)
    }
  }

  const read = async (since: number, reach: Reach, summary: Summary): Promise<number> => {
    let newest = since
    const window = `${scan.attribute} > "${new Date(since - WINDOW_MS[reach]).toISOString()}"`
    const query = [window, `TaskQueue = "${TASK_QUEUE}"`, scan.filter ?? []].flat().join(" AND ")
    for await (const page of listRuns(client, { query, pageSize: PAGE[reach] })) {
      for (const run of page) newest = Math.max(newest, timeOf(run))
      const fresh = page.filter((run) => isNamable(run) && !seen.has(run.runId) && !unsettled.has(run.runId))
      await show(fresh, summary)
      if (fresh.length === 0 && reach === "quick") break
    }
    return newest
  }

  return async (summary) => {
    const since = (watermark ??=
      (await findWatermark(pool, scan.name))?.getTime() ?? Date.now() - FIRST_WINDOW_MS)
    const reach = performance.now() - lastWhole > WHOLE_EVERY_MS ? "whole" : "quick"
    await show([...unsettled.values()], summary)
    watermark = await read(since, reach, summary)
    if (reach === "whole") lastWhole = performance.now()
    const forgotten = watermark - 2 * WINDOW_MS.whole
    for (const [runId, time] of seen) if (time < forgotten) seen.delete(runId)
    for (const [runId, run] of unsettled) if (timeOf(run) < forgotten) unsettled.delete(runId)
    if (watermark > since) await storeWatermark(pool, scan.name, new Date(watermark))
  }
}

/** Postgres holds no U+0000 in text, and no transaction has one in its id. */
function isNamable({ workflowId }: ListedRun): boolean {
  return !workflowId.includes("\0")
}
