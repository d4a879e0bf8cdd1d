import type { Client } from "@temporalio/client"
import type { Pool } from "pg"
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { emptySummary } from "./parts.ts"
import { createVisibilityScan } from "./scan-visibility.ts"

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** A scan of a visibility that lists these workflow ids, all of now. */
function openScan(workflowIds: string[] = []) {
  const pageSizes: number[] = []
  const shown: string[] = []
  const listWorkflowExecutions = async ({ pageSize }: { pageSize: number }) => {
    pageSizes.push(pageSize)
    const at = { seconds: Date.now() / 1_000, nanos: 0 }
    const executions = workflowIds.map((workflowId) => ({
      execution: { workflowId, runId: `run of ${workflowId}` },
      startTime: at,
    }))
    return { executions, nextPageToken: new Uint8Array() }
  }
  const parts = {
    pool: { query: async () => ({ rows: [] }) },
    client: { options: { namespace: "default" }, workflowService: { listWorkflowExecutions } },
  }
  // All that a scan uses of them.
  const context = parts as unknown as { pool: Pool; client: Client }
  const scan = createVisibilityScan(context, {
    name: "started",
    attribute: "StartTime",
    timeOf: (run) => run.startTime,
    async handle(runs) {
      shown.push(...runs.map(({ workflowId }) => workflowId))
      return runs
    },
  })
  return { scan: () => scan(emptySummary()), pageSizes, shown }
}

describe("createVisibilityScan()", () => {
  test("reads a whole minute at first and every half minute, also when the clock was set back", async () => {
    const { scan, pageSizes } = openScan()
    await scan()
    await scan()
    vi.setSystemTime(Date.now() - 60 * 60_000)
    vi.advanceTimersByTime(31_000)
    await scan()
    expect(pageSizes).toEqual([1_000, 200, 1_000])
  })

  test("shows each run once, and none whose id Postgres cannot hold", async () => {
    const { scan, shown } = openScan(["default/a", "default/\0", "default/b"])
    await scan()
    await scan()
    expect(shown).toEqual(["default/a", "default/b"])
  })
})
