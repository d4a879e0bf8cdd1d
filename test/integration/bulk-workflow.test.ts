/** The workflow of bulk jobs, with activities that answer what the test says: what it asks of them, and when. */
import { randomUUID } from "node:crypto"
import { Client, Connection, type WorkflowHandle } from "@temporalio/client"
import { afterAll, beforeAll, expect, test } from "vitest"
import {
  BULK_WORKFLOW,
  type BulkActivities,
  type BulkCommand,
  type BulkLimit,
  type BulkStart,
  type BulkState,
  UPDATE_COMMAND,
} from "../../src/contract/bulk.ts"
import { TASK_QUEUE } from "../../src/contract/messages.ts"
import { startBulkWorkers } from "../helpers/bulk-worker.ts"
import { recordHistory } from "../helpers/record-history.ts"
import { testTemporal } from "../helpers/temporal.ts"
import { until } from "../helpers/until.ts"

/** A job whose items all do the same when they are asked, at once. */
interface ScriptedJob {
  items: "do not answer" | "fail" | "succeed"
  state: BulkState
  pending: number
  settled: number
  failed: number
  asked: number
  /** What the workflow asked for. */
  limits: BulkLimit[]
  states: BulkState[]
}

const jobs = new Map<string, ScriptedJob>()

function newJob(job: Partial<ScriptedJob> = {}): ScriptedJob {
  return {
    items: "succeed",
    state: "preview",
    pending: 9,
    settled: 0,
    failed: 0,
    asked: 0,
    limits: [],
    states: [],
    ...job,
  }
}

function getJob(id: string): ScriptedJob {
  const job = jobs.get(id)
  if (job === undefined) throw new Error(`no job ${id} in this test`)
  return job
}

const activities: BulkActivities = {
  advanceBulkJob({ job_id, limit, most_asked }) {
    const job = getJob(job_id)
    job.limits.push({ limit, ...(most_asked === undefined ? {} : { most_asked }) })
    const asked = job.items === "do not answer" ? 0 : Math.min(limit, job.pending)
    job.pending -= asked
    job.asked += asked
    job.settled += asked
    if (job.items === "fail") job.failed += asked
    return Promise.resolve({
      pending: job.pending,
      sent: 0,
      recent: { sent: 0, settled: job.settled, failed: job.failed },
      stuck: limit > 0 && job.items === "do not answer",
      asked: job.asked,
    })
  },
  saveBulkState({ job_id, state }) {
    const job = getJob(job_id)
    if (job.state === "cancelled") return Promise.resolve(job.state)
    if (state === "running" && job.state === "stopped") {
      job.pending += job.failed
      job.asked -= job.failed
      job.settled = 0
      job.failed = 0
    }
    job.state = state
    job.states.push(state)
    return Promise.resolve(state)
  },
}

let client: Client
let stopWorkers: () => Promise<void>
beforeAll(async () => {
  const temporal = await testTemporal()
  const connection = await Connection.connect({ address: temporal.address })
  client = new Client({ connection, namespace: temporal.namespace })
  stopWorkers = await startBulkWorkers(temporal, activities)
})
afterAll(async () => {
  await stopWorkers()
  await client.connection.close()
})

async function start(job: ScriptedJob, options: Partial<BulkStart> = {}): Promise<WorkflowHandle> {
  const job_id = randomUUID()
  jobs.set(job_id, job)
  const pace = { velocity: 50, canary: 2, stop_above: 0.2, settle_ms: 60_000 }
  return client.workflow.start(BULK_WORKFLOW, {
    workflowId: `_bulk/default/${job_id}`,
    taskQueue: TASK_QUEUE,
    args: [{ tenant: "default", job_id, ...pace, ...options }],
  })
}

const command = (handle: WorkflowHandle, word: BulkCommand) =>
  handle.executeUpdate<BulkState, [BulkCommand]>(UPDATE_COMMAND, { args: [word] })

test("a job that is stuck, paused, resumed, stopped and resumed comes to its end", async () => {
  const job = newJob({ items: "do not answer" })
  const handle = await start(job)
  await until(
    () => job.limits.length,
    (count) => count >= 3,
  )
  expect(await command(handle, "pause")).toBe("paused")
  const paused = job.limits.length
  expect(await command(handle, "resume")).toBe("running")
  await until(
    () => job.limits.length,
    (count) => count >= paused + 2,
  )
  job.items = "fail"
  await until(
    () => job.state,
    (state) => state === "stopped",
  )
  expect(job.failed).toBe(2)
  job.items = "succeed"
  expect(await command(handle, "resume")).toBe("running")
  expect(await handle.result()).toEqual({ state: "completed" })
  expect(job.states).toEqual(["running", "paused", "running", "stopped", "running", "completed"])
  await recordHistory({ history: () => handle.fetchHistory() }, "bulk-job")
})

test("each step says how many may have been asked when it is over", async () => {
  const job = newJob()
  await (await start(job)).result()
  expect(job.limits).toEqual([{ limit: 0 }, { limit: 2, most_asked: 2 }, { limit: 7, most_asked: 9 }])
})

test("one that was cancelled before it began asks nothing", async () => {
  const job = newJob({ state: "cancelled" })
  const handle = await start(job)
  expect(await handle.result()).toEqual({ state: "cancelled" })
  expect(job.limits).toEqual([])
})

test("one that is stuck is stopped in time, however often a new run goes on with it", async () => {
  const job = newJob({ items: "do not answer" })
  const began = Date.now()
  const first = await start(job, { settle_ms: 4_000, max_events: 20 })
  const latest = client.workflow.getHandle(first.workflowId)
  await until(
    () => job.state,
    (state) => state === "stopped",
    { timeoutMs: 20_000 },
  )
  // One look without asking begins each run.
  expect(job.limits.filter(({ limit }) => limit === 0).length).toBeGreaterThan(1)
  expect(Date.now() - began).toBeGreaterThan(3_500)
  expect(await command(latest, "cancel")).toBe("cancelled")
  expect(job.asked).toBe(0)
})
