/**
 * Reads what Temporal's visibility lists since a watermark, newest first. Visibility is written a moment after the
 * fact and is limited to some ten requests a second, so: the window reaches a minute back behind what was seen,
 * and most scans end at the first stretch that holds nothing new; every half minute one goes on to the end.
 */
import type { WorkflowExecutionInfo } from "@temporalio/client"
import { TASK_QUEUE } from "../../contract/messages.ts"
import { findWatermark } from "../../store/queries/find-watermark.ts"
import { storeWatermark } from "../../store/queries/store-watermark.ts"
import type { SweepContext, SweepPart, Summary } from "./parts.ts"

export interface Scan {
  /** Under which the watermark is stored. */
  name: string
  /** Which runs; the window and the task queue are added. */
  attribute: "CloseTime" | "StartTime"
  filter?: string
  timeOf(run: WorkflowExecutionInfo): Date | undefined
  /** Looks at runs that were not seen before. @returns those that need not be shown again. */
  handle(runs: WorkflowExecutionInfo[], summary: Summary): Promise<WorkflowExecutionInfo[]>
}

const PAGE = 1_000
const STRETCH = 200
const WINDOW_MS = 60_000
const TO_THE_END_EVERY_MS = 30_000
/** Before the first scan of a database: older ones are found as stale. */
const FIRST_WINDOW_MS = 10 * 60_000

export function createVisibilityScan({ pool, client }: SweepContext, scan: Scan): SweepPart {
  const seen = new Map<string, number>()
  let watermark: number | undefined
  let lastWhole = 0

  const take = async (runs: WorkflowExecutionInfo[], summary: Summary): Promise<number> => {
    const fresh = runs.filter(({ runId }) => !seen.has(runId))
    if (fresh.length === 0) return 0
    for (const run of await scan.handle(fresh, summary)) seen.set(run.runId, scan.timeOf(run)?.getTime() ?? 0)
    return fresh.length
  }

  const read = async (since: number, isWhole: boolean, summary: Summary): Promise<number> => {
    let newest = since
    let stretch: WorkflowExecutionInfo[] = []
    const window = `${scan.attribute} > "${new Date(since - WINDOW_MS).toISOString()}"`
    const query = [window, `TaskQueue = "${TASK_QUEUE}"`, scan.filter ?? []].flat().join(" AND ")
    for await (const run of client.workflow.list({ query, pageSize: PAGE })) {
      newest = Math.max(newest, scan.timeOf(run)?.getTime() ?? 0)
      if (stretch.push(run) < STRETCH) continue
      const fresh = await take(stretch, summary)
      stretch = []
      if (fresh === 0 && !isWhole) return newest
    }
    await take(stretch, summary)
    return newest
  }

  return async (summary) => {
    const since = (watermark ??=
      (await findWatermark(pool, scan.name))?.getTime() ?? Date.now() - FIRST_WINDOW_MS)
    const isWhole = Date.now() - lastWhole > TO_THE_END_EVERY_MS
    watermark = await read(since, isWhole, summary)
    if (isWhole) lastWhole = Date.now()
    for (const [runId, time] of seen) if (time < watermark - 2 * WINDOW_MS) seen.delete(runId)
    if (watermark > since) await storeWatermark(pool, scan.name, new Date(watermark))
  }
}
