/** One decision for many transactions: through the API of a whole process, with a target that is down and repaired. */
import { isDeepStrictEqual } from "node:util"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { Client, Connection } from "@temporalio/client"
import { createPool } from "../../src/store/pool.ts"
import { type LedgerNode, startLedgerNode } from "../helpers/ledger-node.ts"
import { task } from "../helpers/ledger-task.ts"
import { until } from "../helpers/until.ts"

let product: LedgerNode | undefined
let database: LedgerNode["database"]
let ledger: LedgerNode["ledger"]
let node: LedgerNode["node"]
let temporalClient: Client

beforeAll(async () => {
  product = await startLedgerNode()
  ;({ database, ledger, node } = product)
  const connection = await Connection.connect({ address: product.temporal.address })
  temporalClient = new Client({ connection, namespace: product.temporal.namespace })
})
afterAll(async () => {
  await temporalClient?.connection.close()
  await product?.stop()
})

interface Answer {
  status: number
  // oxlint-disable-next-line typescript/no-explicit-any
  json: any
  // oxlint-disable-next-line typescript/no-explicit-any
  data: any
}

async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(`${node.url}/api/v1${path}`, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const json = (await response.json()) as Answer["json"]
  return { status: response.status, json, data: json.data }
}

/** As many transactions of a flow of this name, all parked: their target refuses as many times as is said. */
async function park(flow: string, ids: readonly string[], refusals = ids.length): Promise<void> {
  const published = await call("POST", "/flows", {
    name: flow,
    tasks: [{ ...task({ id: flow }), retry: { max_attempts: 1 }, on_error: "park" }],
  })
  expect(published.status, JSON.stringify(published.json)).toBe(201)
  await ledger.misbehave(
    flow,
    Array.from({ length: refusals }, () => "unavailable" as const),
  )
  for (const instance_id of ids)
    await call("POST", "/transactions", { instance_id, flow_id: flow, params: {} })
  await until(
    () => call("GET", `/exceptions?flow_id=${flow}&page_size=1`),
    ({ data }) => data.pagination.total === ids.length,
    { timeoutMs: 30_000 },
  )
}

const idsOf = (flow: string, count: number) => Array.from({ length: count }, (_, at) => `${flow}-${at + 1}`)

const whenState = (id: string, state: string) =>
  until(
    () => call("GET", `/bulk-jobs/${id}`),
    ({ data }) => data.state === state,
    { timeoutMs: 30_000 },
  )

const statuses = async (flow: string): Promise<Record<string, number>> => {
  const { data } = await call("GET", `/transactions?flow_id=${flow}&page_size=200`)
  const counts: Record<string, number> = {}
  for (const { status } of data.list) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

/** The list follows the decisions. */
const whenStatuses = (flow: string, wanted: Record<string, number>) =>
  until(
    () => statuses(flow),
    (now) => isDeepStrictEqual(now, wanted),
    { timeoutMs: 10_000 },
  )

describe("a bulk retry", () => {
  test("56: stops after its canary while the target is down, and goes on when it is repaired", async () => {
    await park("stop", idsOf("stop", 12), 17)
    const made = await call("POST", "/bulk-jobs", {
      action: "retry",
      filter: { flow_id: "stop" },
      reason: "The bank is back.",
      velocity: 50,
    })
    expect(made.status, JSON.stringify(made.json)).toBe(201)
    const { job_id } = made.data
    const stopped = await whenState(job_id, "stopped")
    expect(stopped.data).toMatchObject({
      state_reason: "of the last 5 results 5 were failures",
      counts: { total: 12, pending: 7, sent: 0, failed: 5, succeeded: 0, refused: 0 },
    })
    expect(await statuses("stop")).toEqual({ blocked: 12 })
    expect((await ledger.deliveries()).filter(({ name }) => name === "stop")).toHaveLength(17)

    const resumed = await call("POST", `/bulk-jobs/${job_id}/resume`)
    expect(resumed.data, JSON.stringify(resumed.json)).toMatchObject({ state: "running" })
    const { data } = await whenState(job_id, "completed")
    expect(data.counts).toMatchObject({ total: 12, succeeded: 12, pending: 0, failed: 0 })
    expect(data.ended_at).not.toBeNull()
    await whenStatuses("stop", { success: 12 })
    const items = await call("GET", `/bulk-jobs/${job_id}/items?limit=10`)
    expect(items.data.list[0]).toMatchObject({
      seq: 1,
      task: "stop",
      effect: "keyed",
      state: "succeeded",
      round: 2,
    })
    expect(items.data.next_after).toBe(10)
    expect((await call("GET", `/bulk-jobs/${job_id}/items?after=10`)).data.list).toHaveLength(2)
    // Each decision is one of its own, by whoever made the job, for its reason.
    const { decision_id: decision, instance_id } = items.data.list[0]
    const decisions = await call("GET", `/audit?transaction=${instance_id}`)
    expect(decisions.data.list).toContainEqual(
      expect.objectContaining({ update_id: decision, action: "retry", reason: "The bank is back." }),
    )
    const { data: audit } = await call("GET", "/audit?page_size=200")
    const actions = audit.list
      .filter(({ subject }: { subject: string }) => subject === job_id)
      .map(({ action }: { action: string }) => action)
    expect(actions).toEqual(["bulk_job.resume", "bulk_job.create"])
  })

  test("a dry run counts, and is about the same when it is started", async () => {
    await park("dry", idsOf("dry", 3))
    const made = await call("POST", "/bulk-jobs", {
      action: "retry",
      filter: { flow_id: "dry" },
      reason: "looking",
      dry_run: true,
    })
    expect(made.data).toMatchObject({
      state: "preview",
      counts: { total: 3, pending: 3 },
      effects: [{ effect: "keyed", state: "pending", code: null, count: 3 }],
    })
    const { job_id } = made.data
    await call("POST", "/transactions", { instance_id: "dry-late", flow_id: "dry", params: {} })
    for (const command of ["pause", "resume"])
      expect((await call("POST", `/bulk-jobs/${job_id}/${command}`)).json.error).toBe("bulk_job_state")
    expect(await statuses("dry")).toMatchObject({ blocked: 3 })
    expect((await call("POST", `/bulk-jobs/${job_id}/start`)).status).toBe(200)
    const { data } = await whenState(job_id, "completed")
    expect(data.counts).toMatchObject({ total: 3, succeeded: 3 })
    expect((await call("POST", `/bulk-jobs/${job_id}/start`)).json.error).toBe("bulk_job_state")
  })

  test("leaves alone what a retry could do twice, and what somebody answered meanwhile", async () => {
    const published = await call("POST", "/flows", {
      name: "unsafe",
      tasks: [{ ...task({ id: "unsafe" }), effect: "unsafe", retry: { max_attempts: 1 } }],
    })
    expect(published.status).toBe(201)
    await ledger.misbehave("unsafe", ["reply_lost", "not_found", "not_found"])
    for (const id of idsOf("unsafe", 3)) {
      await call("POST", "/transactions", { instance_id: id, flow_id: "unsafe", params: {} })
      await until(
        () => call("GET", `/exceptions?instance_id=${id}`),
        ({ data }) => data.pagination.total === 1,
      )
    }
    const made = await call("POST", "/bulk-jobs", {
      action: "retry",
      filter: { flow_id: "unsafe" },
      reason: "try",
      dry_run: true,
      canary: 0,
    })
    expect(made.data.effects).toEqual([
      { effect: "unsafe", state: "pending", code: null, count: 2 },
      { effect: "unsafe", state: "refused", code: "not_suggested", count: 1 },
    ])
    await call("POST", "/transactions/unsafe-3/decisions", {
      action: "skip",
      task: "unsafe",
      reason: "by hand",
    })
    await call("POST", `/bulk-jobs/${made.data.job_id}/start`)
    const { data } = await whenState(made.data.job_id, "completed")
    expect(data.counts).toMatchObject({ succeeded: 1, refused: 2, failed: 0 })
    const refused = await call("GET", `/bulk-jobs/${made.data.job_id}/items?state=refused`)
    expect(refused.data.list).toMatchObject([
      { instance_id: "unsafe-1", code: "not_suggested", decision_id: null },
      { instance_id: "unsafe-3", code: "not_parked", decision_id: null },
    ])
    const made_by = (await ledger.deliveries()).filter(({ name, effect }) => name === "unsafe" && effect)
    expect(made_by.map(({ transaction }) => transaction)).toEqual(["unsafe-1", "unsafe-2"])
  })

  test("takes a failed transaction up where it stopped", async () => {
    const published = await call("POST", "/flows", {
      name: "failing",
      tasks: [{ ...task({ id: "failing" }), retry: { max_attempts: 1 }, on_error: "fail" }],
    })
    expect(published.status).toBe(201)
    await ledger.misbehave("failing", ["unavailable", "unavailable"])
    for (const instance_id of idsOf("failing", 2))
      await call("POST", "/transactions", { instance_id, flow_id: "failing", params: {} })
    await whenStatuses("failing", { failed: 2 })
    const made = await call("POST", "/bulk-jobs", {
      action: "retry",
      filter: { flow_id: "failing", instance_ids: ["failing-2"] },
      reason: "the bank is back",
    })
    expect((await whenState(made.data.job_id, "completed")).data.counts).toMatchObject({
      total: 1,
      succeeded: 1,
    })
    await whenStatuses("failing", { failed: 1, success: 1 })
  })
})

describe("a bulk job", () => {
  test("is paused, survives a kill of the process, and is cancelled", async () => {
    await park("slow", idsOf("slow", 6))
    const made = await call("POST", "/bulk-jobs", {
      action: "retry",
      filter: { flow_id: "slow" },
      reason: "slowly",
      velocity: 1,
      canary: 0,
    })
    const { job_id } = made.data
    await until(
      () => call("GET", `/bulk-jobs/${job_id}`),
      ({ data }) => data.counts.succeeded >= 1,
    )
    expect((await call("POST", `/bulk-jobs/${job_id}/pause`)).data).toMatchObject({ state: "paused" })
    expect((await call("POST", `/bulk-jobs/${job_id}/pause`)).data).toMatchObject({ state: "paused" })
    const paused = (await call("GET", `/bulk-jobs/${job_id}`)).data.counts.pending
    await node.kill()
    await node.start()
    const after = (await call("GET", `/bulk-jobs/${job_id}`)).data
    expect(after).toMatchObject({ state: "paused", counts: { pending: paused } })
    expect((await call("POST", `/bulk-jobs/${job_id}/resume`)).data).toMatchObject({ state: "running" })
    await until(
      () => call("GET", `/bulk-jobs/${job_id}`),
      ({ data }) => data.counts.pending < paused,
    )
    const cancelled = await call("POST", `/bulk-jobs/${job_id}/cancel`)
    expect(cancelled.data).toMatchObject({ state: "cancelled" })
    expect((await call("POST", `/bulk-jobs/${job_id}/resume`)).json).toMatchObject({
      error: "bulk_job_state",
    })
    const { pending } = cancelled.data.counts
    expect(pending).toBeGreaterThan(0)
    await whenStatuses("slow", { success: 6 - pending, blocked: pending })
  })

  test("that is never started is cancelled, and can be started no more", async () => {
    await park("never", idsOf("never", 1))
    const request = { action: "retry", filter: { flow_id: "never" }, reason: "looking", dry_run: true }
    const { job_id } = (await call("POST", "/bulk-jobs", request)).data
    const cancelled = await call("POST", `/bulk-jobs/${job_id}/cancel`)
    expect(cancelled.data).toMatchObject({ state: "cancelled", state_reason: "It was never started." })
    expect((await call("POST", `/bulk-jobs/${job_id}/start`)).json.error).toBe("bulk_job_state")
  })

  test("is one for one Idempotency-Key, also when its answer was lost", async () => {
    await park("once", idsOf("once", 1))
    const request = { action: "retry", filter: { flow_id: "once" }, reason: "looking", dry_run: true }
    const headers = { "idempotency-key": "once" }
    const first = await call("POST", "/bulk-jobs", request, headers)
    // As a crash before the answer was kept leaves it.
    const pool = createPool({ url: database.url })
    await pool.query("delete from idempotency where key = 'once'")
    await pool.end()
    const second = await call("POST", "/bulk-jobs", request, headers)
    expect(second.data.job_id).toBe(first.data.job_id)
    expect(second.data.counts).toMatchObject({ total: 1 })
  })

  test("that Temporal's own tools end is told so", async () => {
    await park("ended", idsOf("ended", 4))
    const make = () =>
      call("POST", "/bulk-jobs", {
        action: "retry",
        filter: { flow_id: "ended" },
        reason: "slowly",
        velocity: 0.1,
        canary: 0,
      })
    const cancelled = (await make()).data.job_id
    await temporalClient.workflow.getHandle(`_bulk/default/${cancelled}`).cancel()
    expect((await whenState(cancelled, "cancelled")).data.state_reason).toBe(
      "It was cancelled through Temporal.",
    )
    const terminated = (await make()).data.job_id
    await temporalClient.workflow.getHandle(`_bulk/default/${terminated}`).terminate()
    expect((await call("POST", `/bulk-jobs/${terminated}/pause`)).json.detail).toBe(
      "Its workflow is terminated.",
    )
    expect((await call("GET", `/bulk-jobs/${terminated}`)).data).toMatchObject({ state: "cancelled" })
  })

  test("cancels, pauses and resumes whole transactions, in the version that was counted", async () => {
    await park("whole", idsOf("whole", 4))
    const filter = { flow_id: "whole", status: "blocked" }
    const pause = await call("POST", "/bulk-jobs", { action: "pause", filter, reason: "stock-taking" })
    expect((await whenState(pause.data.job_id, "completed")).data.counts).toMatchObject({ succeeded: 4 })
    const again = await call("POST", "/bulk-jobs", { action: "pause", filter, reason: "again" })
    expect((await whenState(again.data.job_id, "completed")).data.counts).toMatchObject({ refused: 4 })
    const cancel = await call("POST", "/bulk-jobs", {
      action: "cancel",
      filter: { flow_id: "whole" },
      reason: "no longer wanted",
      dry_run: true,
    })
    await call("POST", "/transactions/whole-2/resume", { reason: "this one goes on" })
    await call("POST", `/bulk-jobs/${cancel.data.job_id}/start`)
    const { data } = await whenState(cancel.data.job_id, "completed")
    expect(data.counts).toMatchObject({ total: 4, succeeded: 3, refused: 1 })
    const refused = await call("GET", `/bulk-jobs/${cancel.data.job_id}/items?state=refused`)
    expect(refused.data.list).toMatchObject([{ instance_id: "whole-2", code: "stale_version" }])
    await whenStatuses("whole", { cancelled: 3, blocked: 1 })
  })

  test.each([
    [{ filter: {} }, "/filter", "at least one condition"],
    [{ filter: { flow: "x" } }, "/filter", "flow"],
    [{ action: "cancel", filter: { labels: {} } }, "/filter/labels", "at least one label"],
    [{ filter: { status: "blocked" } }, "/filter", "status"],
    [{ filter: { kind: "bad" } }, "/filter/kind", "retries_exhausted"],
    [{ action: "retry_unsafe" }, "/action", "retry"],
    [{ velocity: 0 }, "/velocity", "0.1"],
    [{ canary: 51 }, "/canary", "50"],
    [{ stop_above: 1.1 }, "/stop_above", "1"],
    [{ reason: " " }, "/reason", ""],
    [{ settle_within: "soon" }, "/settle_within", "10s"],
    [{ settle_within: 0 }, "/settle_within", "1000"],
    [{ settle_within: "25h" }, "/settle_within", "86400000"],
    [{ action: "cancel", filter: { labels: { a: "\0" } } }, "/filter/labels/a", "U+0000"],
    [{ filter: { instance_ids: [] } }, "/filter/instance_ids", "1"],
  ])("is refused with %j", async (flaw, pointer, words) => {
    const good = { action: "retry", filter: { flow_id: "x" }, reason: "because" }
    const { status, json } = await call("POST", "/bulk-jobs", { ...good, ...flaw })
    expect(status, JSON.stringify(json)).toBe(400)
    expect(json.errors[0].pointer).toBe(pointer)
    expect(json.errors[0].detail).toContain(words)
  })

  test("about nothing is refused, and so is one that is not there", async () => {
    const made = await call("POST", "/bulk-jobs", {
      action: "retry",
      filter: { flow_id: "none" },
      reason: "r",
    })
    expect(made.json.error).toBe("bulk_job_empty")
    const unknown = "00000000-0000-4000-8000-000000000000"
    for (const [method, path] of [
      ["GET", ""],
      ["GET", "/items"],
      ["POST", "/start"],
      ["POST", "/cancel"],
    ] as const)
      expect((await call(method, `/bulk-jobs/${unknown}${path}`)).json.error).toBe("bulk_job_not_found")
  })
})
