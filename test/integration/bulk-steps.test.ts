/** What a step of a bulk job does with stored items when it is cut, overtaken by a person, or not answered. */
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { createServices } from "../../src/api/app.ts"
import { createBulkActivities } from "../../src/api/bulk/carry-out.ts"
import { commandBulkJob, startBulkJob } from "../../src/api/bulk/run-job.ts"
import { getBulkJob } from "../../src/api/bulk/job-view.ts"
import type { ApiServices } from "../../src/api/dependencies.ts"
import type { BulkActivities, BulkState } from "../../src/contract/bulk.ts"
import { saveBulkState } from "../../src/store/queries/save-bulk-state.ts"
import { type ApiRig, startApiRig } from "../helpers/api-rig.ts"
import { startBulkWorkers } from "../helpers/bulk-worker.ts"
import { getServers } from "../helpers/servers.ts"
import { insertStoredTransaction } from "../helpers/stored-transaction.ts"
import { until } from "../helpers/until.ts"

let rig: ApiRig
let services: ApiServices
let stopWorkers: () => Promise<void>
/** What is done instead of a step, once. */
let instead: ((...step: Parameters<BulkActivities["advanceBulkJob"]>) => Promise<never>) | undefined
/** How many had been asked after each step, by job. */
const askedAfter = new Map<string, number[]>()

beforeAll(async () => {
  rig = await startApiRig()
  services = createServices(rig.dependencies)
  const { temporalAddress: address } = await getServers()
  const real = createBulkActivities(services)
  stopWorkers = await startBulkWorkers(
    { address, namespace: rig.namespace },
    {
      ...real,
      async advanceBulkJob(request) {
        const now = instead
        if (request.limit > 0) instead = undefined
        if (now !== undefined && request.limit > 0) return now(request)
        const progress = await real.advanceBulkJob(request)
        const asked = askedAfter.get(request.job_id) ?? []
        askedAfter.set(request.job_id, [...asked, progress.asked ?? Number.NaN])
        return progress
      },
    },
  )
})
afterAll(async () => {
  await stopWorkers()
  await rig.stop()
})

const idsOf = (name: string, count: number) => Array.from({ length: count }, (_, at) => `${name}-${at + 1}`)

/** A dry run about stored transactions. Temporal knows none of them: asked, each refuses because it is over. */
async function preview(name: string, count: number, pace: object = {}) {
  const instance_ids = idsOf(name, count)
  for (const instanceId of instance_ids) await insertStoredTransaction(rig.pool, { instanceId })
  const { status, json, data } = await rig.call("POST", "/api/v1/bulk-jobs", {
    body: { action: "cancel", filter: { instance_ids }, reason: "no longer wanted", dry_run: true, ...pace },
  })
  expect(status, JSON.stringify(json)).toBe(201)
  return { tenant: "default", job_id: String(data.job_id) }
}

const post = (id: string, verb: string) => rig.call("POST", `/api/v1/bulk-jobs/${id}/${verb}`)
const view = async (id: string) => (await rig.call("GET", `/api/v1/bulk-jobs/${id}`)).data
const whenState = (id: string, state: BulkState) =>
  until(
    () => view(id),
    (job) => job.state === state,
    { timeoutMs: 50_000 },
  )

test("an attempt that dies halfway and the next one ask no more than the step's limit together", async () => {
  const { job_id } = await preview("cut", 12, { canary: 5, velocity: 100 })
  const activities = createBulkActivities(services)
  instead = async (request) => {
    await activities.advanceBulkJob({ ...request, limit: request.limit - 1 })
    throw new Error("the process was killed")
  }
  await post(job_id, "start")
  await whenState(job_id, "completed")
  expect(askedAfter.get(job_id)).toEqual([0, 5, 10, 12])
})

describe("a preview that is cancelled", () => {
  test("while somebody starts it asks nothing, and stays cancelled", async () => {
    const key = await preview("overrun", 3)
    const row = await getBulkJob(services, key)
    const cancelled = await post(key.job_id, "cancel")
    expect(cancelled.data).toMatchObject({ state: "cancelled", started_at: null })
    // The other request had seen a preview.
    await startBulkJob(services, key.tenant, row)
    const result = await rig.client.workflow.getHandle(`_bulk/default/${key.job_id}`).result()
    expect(result).toEqual({ state: "cancelled" })
    expect(await view(key.job_id)).toEqual(cancelled.data)
    expect(askedAfter.get(key.job_id)).toBeUndefined()
  })

  test("a moment before its start is stored cannot be started, and no start is in the audit trail", async () => {
    const { job_id } = await preview("faster", 1)
    const canceller = await rig.pool.connect()
    try {
      await canceller.query("begin")
      await canceller.query("update bulk_job set state = 'cancelled', ended_at = now() where id = $1", [
        job_id,
      ])
      const starting = post(job_id, "start")
      await until(
        () =>
          rig.pool.query(
            "select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()",
          ),
        ({ rowCount }) => rowCount === 1,
      )
      await canceller.query("commit")
      expect((await starting).json).toMatchObject({ error: "bulk_job_state" })
    } finally {
      canceller.release()
    }
    const { rows } = await rig.pool.query("select action from audit where subject = $1", [job_id])
    expect(rows).toEqual([{ action: "bulk_job.create" }])
  })

  test("a moment after its start is stored is not written over it", async () => {
    const key = await preview("slower", 1)
    await saveBulkState(rig.pool, { ...key, state: "running", state_reason: null })
    // This request had seen a preview; here it finds no workflow either.
    await expect(
      commandBulkJob(services, { ...key, command: "cancel", state: "preview" }),
    ).rejects.toMatchObject({ word: "bulk_job_state" })
    expect(await view(key.job_id)).toMatchObject({ state: "running", ended_at: null })
  })
})

test.each(["completed", "cancelled"] as const)("no state is written over `%s`", async (over) => {
  const key = await preview(`over-${over}`, 1)
  const save = (state: BulkState, state_reason: string | null) =>
    saveBulkState(rig.pool, { ...key, state, state_reason })
  expect(await save("running", null)).toBe("running")
  expect(await save(over, "it is over")).toBe(over)
  const before = await view(key.job_id)
  for (const state of ["running", "stopped", "completed", "cancelled"] as const)
    expect(await save(state, "again")).toBe(over)
  expect(await view(key.job_id)).toEqual(before)
  expect(before).toMatchObject({ state: over, state_reason: "it is over" })
})

test("a workflow of an earlier build is told what it knew, and nothing that it would not act on", async () => {
  const key = await preview("earlier", 1)
  const activities = createBulkActivities(services)
  const entered = { ...key, state: "running", state_reason: null } as const
  expect(await activities.saveBulkState(entered)).toBeUndefined()
  expect(await activities.saveBulkState({ ...entered, version: 2 })).toBe("running")
  expect(await activities.advanceBulkJob({ ...key, limit: 0 })).not.toHaveProperty("asked")
  expect(await activities.advanceBulkJob({ ...key, limit: 0, version: 2 })).toMatchObject({ asked: 0 })
})

test("a transaction whose worker is away stops the job, when nobody else is left to be asked", async () => {
  const { job_id } = await preview("silent", 4, { canary: 0, settle_within: "1s" })
  await rig.client.workflow.start("order", {
    workflowId: "default/silent-1",
    taskQueue: "nobody-polls-this",
  })
  await post(job_id, "start")
  const stopped = await whenState(job_id, "stopped")
  expect(stopped).toMatchObject({
    state_reason: "nothing more could be decided for 1 s: Temporal, or the next transactions, do not answer",
    counts: { pending: 1, refused: 3, sent: 0 },
  })
  expect((await post(job_id, "cancel")).data).toMatchObject({ state: "cancelled", counts: { pending: 1 } })
})
