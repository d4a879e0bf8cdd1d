import { randomBytes } from "node:crypto"
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import { toWorkflowId } from "../../src/contract/names.ts"
import { type ApiRig, startApiRig } from "../helpers/api-rig.ts"
import { until } from "../helpers/until.ts"

let rig: ApiRig
let flowId: string

const ORDER = {
  name: "order",
  params_schema: {
    type: "object",
    required: ["order_id", "amount"],
    properties: { order_id: { type: "string" }, amount: { type: "number" } },
  },
  business_key: "${ params.order_id }",
  tasks: [
    {
      id: "pay",
      task_name: "http",
      description: "扣款",
      config: { url: "/pay", connection: "shop" },
      retry: { max_attempts: 4 },
    },
    {
      id: "ship",
      task_name: "http",
      depends_on: ["pay"],
      config: { url: "/ship", connection: "shop" },
      retry: { strategy: "manual" },
    },
  ],
}

beforeAll(async () => {
  rig = await startApiRig({ connections: [{ name: "shop", kind: "http" }] })
  flowId = (await rig.call("POST", "/api/v1/flows", { body: { definition: ORDER } })).data.id
})
afterAll(() => rig.stop())

function start(instance_id: string, overrides: object = {}) {
  const body = { instance_id, flow_id: "order", params: { order_id: instance_id, amount: 99 }, ...overrides }
  return rig.call("POST", "/api/v1/transactions", { body })
}

function pathOf(instanceId: string, rest = "") {
  return `/api/v1/transactions/${encodeURIComponent(instanceId)}${rest}`
}

describe("POST /api/v1/transactions", () => {
  test("accepts, stores and starts", async () => {
    const answer = await start("order_001")
    expect(answer.status).toBe(201)
    expect(answer.data).toMatchObject({ instance_id: "order_001", flow_id: flowId, status: "pending" })
    expect(answer.headers.get("location")).toBe("/api/v1/transactions/order_001")
    const run = await rig.client.workflow.getHandle("default/order_001").describe()
    expect(run.type).toBe("order")
    const { rows } = await rig.pool.query("select * from txn where instance_id = 'order_001'")
    expect(rows).toMatchObject([
      {
        tenant_id: "default",
        flow_id: flowId,
        flow_version: 1,
        business_key: "order_001",
        actor: "local",
        status: "pending",
      },
    ])
    expect(rows[0].dispatched_at).not.toBeNull()
  })

  test("answers a repeat with what is there, by id and by name alike", async () => {
    await start("again")
    const byId = await start("again", { flow_id: flowId, params: { amount: 99, order_id: "again" } })
    expect(byId.status).toBe(200)
    expect(byId.headers.get("idempotency-replayed")).toBe("true")
    expect(byId.data).toMatchObject({ instance_id: "again", flow_id: flowId, status: "pending" })
    expect((await start("again")).status).toBe(200)
  })

  test("knows a repeat also where the row was made again from the workflow", async () => {
    await start("made_again")
    await rig.pool.query("update txn set request_hash = 'unknown' where instance_id = 'made_again'")
    expect((await start("made_again")).status).toBe(200)
    const other = await start("made_again", { params: { amount: 98, order_id: "made_again" } })
    expect(other.json).toMatchObject({ status: 409, error: "instance_id_conflict" })
  })

  test("refuses the instance_id for another request", async () => {
    await start("taken")
    for (const overrides of [
      { params: { order_id: "taken", amount: 100 } },
      { flow_id: "another" },
      { params: {} },
    ]) {
      const answer = await start("taken", overrides)
      expect(answer.json, JSON.stringify(overrides)).toMatchObject({
        status: 409,
        error: "instance_id_conflict",
      })
    }
  })

  test("makes one transaction and one run of twenty starts at once", async () => {
    const dispatching = vi.spyOn(rig.dependencies.dispatcher, "dispatchNew")
    const starting = vi.spyOn(rig.client.workflow, "start")
    const answers = await Promise.all(Array.from({ length: 20 }, () => start("race")))
    // An answer waits for its start, but not for ever.
    await Promise.allSettled(dispatching.mock.results.map(({ value }) => value))
    const starts = await Promise.allSettled(starting.mock.results.map(({ value }) => value))
    vi.restoreAllMocks()
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(19)
    const { rows } = await rig.pool.query("select count(*)::int as count from txn where instance_id = 'race'")
    expect(rows).toEqual([{ count: 1 }])
    // What Temporal said to each: its list might show a second run a moment later.
    const runs = starts.flatMap((started) =>
      started.status === "fulfilled" ? [started.value.firstExecutionRunId] : [],
    )
    expect(new Set(runs).size).toBe(1)
    await rig.client.workflow.getHandle("default/race", runs[0]).describe()
  })

  test.each([
    ["a slash", "2026/11/21-1"],
    ["Chinese", "订单/第一号"],
    ["percent signs", "100%/%2F%25"],
    ["an URL's own characters", "a?b#c&d=e f+g"],
    ["128 characters of 4 bytes", "🛒".repeat(128)],
    ["a backslash", "a\\b"],
  ])("takes an instance_id with %s", async (_name, instanceId) => {
    const started = await start(instanceId, { params: { order_id: "o", amount: 1 } })
    expect(started.status, started.text).toBe(201)
    expect(started.headers.get("location")).toBe(pathOf(instanceId))
    const read = await rig.call("GET", started.headers.get("location")!)
    expect(read.data.instance_id).toBe(instanceId)
    expect(read.data.workflow_id).toBe(toWorkflowId("default", instanceId))
    await rig.client.workflow.getHandle(read.data.workflow_id).describe()
  })

  test.each([
    ["empty", ""],
    ["129 characters", "x".repeat(129)],
    ["a line break", "a\nb"],
    ["U+0000", "a\0b"],
    ["U+0085", "a\u0085b"],
    ["a dot", "."],
    ["two dots", ".."],
  ])("refuses an instance_id with %s", async (_name, instanceId) => {
    const answer = await start(instanceId)
    expect(answer.json).toMatchObject({
      status: 400,
      error: "request_invalid",
      errors: [{ pointer: "/instance_id" }],
    })
  })

  test("names every param that does not fit", async () => {
    const answer = await start("bad_params", { params: { amount: "99" } })
    expect(answer.status).toBe(400)
    expect(answer.json.error).toBe("params_invalid")
    expect(answer.json.errors).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ pointer: "/params/order_id", code: "required" }),
        expect.objectContaining({ pointer: "/params/amount", code: "type" }),
      ]),
    )
    expect((await rig.call("GET", pathOf("bad_params"))).status).toBe(404)
  })

  test("refuses params that a task would park on after others have run", async () => {
    const note = "x".repeat(300 * 1024)
    const answer = await start("heavy", { params: { order_id: "o", amount: 1, note } })
    expect(answer.json).toMatchObject({
      status: 400,
      error: "params_invalid",
      errors: [{ pointer: "/params", code: "input_too_large" }],
    })
    expect(answer.json.detail).toMatch(/task pay .* 262144 bytes/)
    expect((await rig.call("GET", pathOf("heavy"))).status).toBe(404)
  })

  test("refuses params that leave too little room for the outputs that tasks read", async () => {
    const config = { connection: "shop", method: "POST" }
    // Nothing that deflates: about 400 KiB of the message that a continued run is sent in.
    const noise = randomBytes(400 * 1024).toString("base64")
    const first = {
      id: "first",
      task_name: "http",
      input: {},
      config: { ...config, url: "/first", body: noise },
    }
    const next = { id: "next", task_name: "http", depends_on: ["first"], input: {} }
    const publish = (name: string, body: string) =>
      rig.call("POST", "/api/v1/flows", {
        body: {
          definition: { name, tasks: [first, { ...next, config: { ...config, url: "/next", body } }] },
        },
      })
    expect((await publish("reading", "${ tasks.first.output }")).status).toBe(201)
    expect((await publish("unread", "constant")).status).toBe(201)
    const startLarge = (flow_id: string, kib: number) =>
      start(`${flow_id}_${kib}`, { flow_id, params: { note: "x".repeat(kib * 1024) } })
    const refused = await startLarge("reading", 960)
    expect(refused.json).toMatchObject({ status: 413, error: "params_too_large" })
    const [, most] = /has room for (\d+),/.exec(refused.json.detail) ?? []
    expect((await startLarge("reading", Math.ceil(Number(most) / 1024) + 1)).status).toBe(413)
    expect((await startLarge("reading", Math.floor(Number(most) / 1024) - 1)).status).toBe(201)
    expect((await startLarge("unread", 960)).status).toBe(201)
    expect((await rig.call("GET", pathOf("reading_960"))).status).toBe(404)
  })

  test("refuses params whose business key Postgres cannot hold", async () => {
    const answer = await start("nul_key", { params: { order_id: "a\0b", amount: 1 } })
    expect(answer.json).toMatchObject({
      status: 400,
      errors: [{ pointer: "/params", code: "business_key_invalid" }],
    })
  })

  test("keeps params as they came, escapes included", async () => {
    const params = {
      order_id: "escapes",
      amount: 1.5,
      note: "\0 \ud83d\ude00 中文",
      "10": 1,
      "9": { b: [null, true] },
    }
    await start("escapes", { params })
    expect((await rig.call("GET", pathOf("escapes"))).data.params).toEqual(params)
  })

  test("refuses an unknown flow and an unknown member", async () => {
    expect((await start("x1", { flow_id: "nowhere" })).json).toMatchObject({
      status: 404,
      error: "flow_not_found",
    })
    expect((await start("x1", { on_duplicate: "reject" })).json).toMatchObject({
      status: 400,
      errors: [{ pointer: "/on_duplicate", code: "unrecognized_keys" }],
    })
    expect((await start("x1", { params: [1] })).json).toMatchObject({
      status: 400,
      errors: [{ pointer: "/params" }],
    })
  })

  test("starts nothing of a flow that is not active, and still answers a repeat", async () => {
    const definition = { ...ORDER, name: "sleeping" }
    await rig.call("POST", "/api/v1/flows", { body: { definition } })
    await start("before_sleep", { flow_id: "sleeping" })
    await rig.pool.query("update flow set is_active = false where name = 'sleeping'")
    expect((await start("after_sleep", { flow_id: "sleeping" })).json).toMatchObject({
      status: 409,
      error: "flow_inactive",
    })
    expect((await start("before_sleep", { flow_id: "sleeping" })).status).toBe(200)
  })

  test("pins the version it was started with", async () => {
    const definition = { ...ORDER, name: "pinned" }
    const { data } = await rig.call("POST", "/api/v1/flows", { body: { definition } })
    await start("pinned_1", { flow_id: "pinned" })
    const shorter = { ...definition, params_schema: undefined, tasks: [ORDER.tasks[0]] }
    await rig.call("PUT", `/api/v1/flows/${data.id}`, { body: { definition: shorter } })
    await start("pinned_2", { flow_id: "pinned", params: { order_id: "x" } })
    expect((await rig.call("GET", pathOf("pinned_1"))).data).toMatchObject({
      flow_version: 1,
      tasks: [{}, {}],
    })
    expect((await rig.call("GET", pathOf("pinned_2"))).data).toMatchObject({ flow_version: 2, tasks: [{}] })
  })
})

describe("GET /api/v1/transactions/{id}", () => {
  test("lists every task of the plan before any has moved", async () => {
    await start("untouched")
    const { data } = await rig.call("GET", pathOf("untouched"))
    expect(data).toMatchObject({
      instance_id: "untouched",
      flow_id: flowId,
      flow_name: "order",
      status: "pending",
      completed_at: null,
    })
    expect(data.tasks).toMatchObject([
      {
        id: "untouched_pay",
        task_id: "pay",
        group_id: "untouched",
        name: "扣款",
        type: "http",
        status: "pending",
        outcome: "not_started",
        config: { url: "/pay", connection: "shop" },
        retry_count: 0,
        max_retry: 3,
        input_data: null,
      },
      { id: "untouched_ship", name: "ship", depends_on: ["pay"], max_retry: 0 },
    ])
  })

  test("shows what the mirror holds", async () => {
    await start("mirrored")
    await mirror("mirrored")
    const { data } = await rig.call("GET", pathOf("mirrored"))
    expect(data).toMatchObject({
      status: "blocked",
      version: 2,
      open_exceptions: 1,
      started_at: "2026-11-21T08:00:00.000Z",
    })
    expect(data.tasks).toMatchObject([
      {
        task_id: "pay",
        status: "success",
        outcome: "executed",
        input_data: { amount: 1 },
        output_data: { id: "p1" },
        retry_count: 2,
        started_at: "2026-11-21T08:00:01.000Z",
        completed_at: "2026-11-21T08:00:02.123Z",
      },
      {
        task_id: "ship",
        status: "parked",
        error_code: "HTTP_503",
        error_message: "the carrier is away",
        error_class: "not_executed",
      },
    ])
    const tasks = await rig.call("GET", pathOf("mirrored", "/tasks"))
    expect(tasks.data).toEqual({ list: data.tasks, pagination: { page: 1, page_size: 2, total: 2 } })
  })

  test("falls back on the mirror when Temporal does not have the run", async () => {
    await start("unstarted")
    await rig.client.workflow.getHandle("default/unstarted").terminate()
    await rig.pool.query("update txn set workflow_id = 'default/nowhere' where instance_id = 'unstarted'")
    expect((await rig.call("GET", pathOf("unstarted", "?fresh=true"))).data).toMatchObject({
      status: "pending",
    })
  })
})

describe("GET /api/v1/transactions/{id}/tasks/{task}/attempts", () => {
  test("lists attempts oldest first, in pages", async () => {
    await start("attempts")
    await mirror("attempts")
    const path = pathOf("attempts", "/tasks/pay/attempts")
    const { data } = await rig.call("GET", path)
    expect(data.pagination).toEqual({ page: 1, page_size: 20, total: 3 })
    expect(data.list).toMatchObject([
      { attempt: 1, generation: 1, operation: "do", class: "unknown", outcome: "unknown", code: "HTTP_504" },
      { attempt: 2 },
      { attempt: 3, class: "done", outcome: "executed", request: { url: "/pay" }, bytes_sent: 10 },
    ])
    const first = await rig.call("GET", `${path}?limit=2`)
    expect(first.data.list).toEqual(data.list.slice(0, 2))
    const rest = await rig.call("GET", `${path}?limit=2&cursor=${first.data.next_cursor}`)
    expect(rest.data).toEqual({ list: data.list.slice(2), next_cursor: null })
    expect((await rig.call("GET", pathOf("attempts", "/tasks/ship/attempts"))).data.list).toEqual([])
    expect((await rig.call("GET", pathOf("attempts", "/tasks/nope/attempts"))).json.error).toBe(
      "task_not_found",
    )
  })
})

describe("GET /api/v1/transactions", () => {
  test("filters and pages, skipping nothing that is added meanwhile", async () => {
    await rig.call("POST", "/api/v1/flows", { body: { definition: { ...ORDER, name: "listed" } } })
    for (let index = 0; index < 5; index++) await start(`listed/${index}`, { flow_id: "listed" })
    await rig.pool.query("update txn set status = 'success' where instance_id = 'listed/3'")
    // One moment for all: then the id decides.
    await rig.pool.query(
      "update txn set created_at = '2026-11-21 08:00:00.123456Z' where flow_name = 'listed'",
    )
    const whole = await rig.call("GET", "/api/v1/transactions?flow_id=listed")
    expect(whole.data.list.map(({ instance_id }: { instance_id: string }) => instance_id)).toEqual(
      [0, 1, 2, 3, 4].map((index) => `listed/${index}`),
    )
    const first = await rig.call("GET", "/api/v1/transactions?flow_id=listed&limit=2")
    await start("listed/new", { flow_id: "listed" })
    const second = await rig.call(
      "GET",
      `/api/v1/transactions?flow_id=listed&limit=2&cursor=${first.data.next_cursor}`,
    )
    const third = await rig.call(
      "GET",
      `/api/v1/transactions?flow_id=listed&limit=2&cursor=${second.data.next_cursor}`,
    )
    expect([...first.data.list, ...second.data.list, ...third.data.list]).toEqual(whole.data.list)
    expect(third.data.next_cursor).toBeNull()
    const done = await rig.call("GET", "/api/v1/transactions?flow_id=listed&status=success")
    expect(done.data).toMatchObject({ list: [{ instance_id: "listed/3" }], pagination: { total: 1 } })
    const byKey = await rig.call("GET", `/api/v1/transactions?business_key=${encodeURIComponent("listed/1")}`)
    expect(byKey.data.list).toMatchObject([{ instance_id: "listed/1" }])
  })

  test.each([
    "page=0",
    "page=x",
    "page_size=201",
    "limit=0",
    "page=1&limit=5",
    "cursor=abc",
    `cursor=${Buffer.from('["9","a\\u0000"]').toString("base64url")}`,
    "status=done",
    "statsu=success",
    "business_key=%00",
    "page=1&page=2",
    "label=region",
    "label=region:eu&label=region:us",
  ])("refuses ?%s", async (query) => {
    const answer = await rig.call("GET", `/api/v1/transactions?${query}`)
    expect(answer.json).toMatchObject({ status: 400, error: "request_invalid" })
  })
})

describe("while Temporal is away", () => {
  test("a start is accepted and stays pending, a decision is not", async () => {
    const lonely = await startApiRig({
      temporalAddress: "127.0.0.1:1",
      connections: [{ name: "shop", kind: "http" }],
    })
    try {
      await lonely.call("POST", "/api/v1/flows", { body: { definition: ORDER } })
      const body = { instance_id: "x", flow_id: "order", params: { order_id: "x", amount: 1 } }
      const started = await lonely.call("POST", "/api/v1/transactions", { body })
      expect(started.status).toBe(201)
      expect(started.data.status).toBe("pending")
      const { rows } = await lonely.pool.query("select dispatched_at from txn")
      expect(rows).toEqual([{ dispatched_at: null }])
      expect((await lonely.call("GET", "/readyz")).json).toEqual({
        ready: false,
        checks: { postgres: true, temporal: false },
      })
      const [cancelled, fresh] = await Promise.all([
        lonely.call("POST", pathOf("x", "/cancel")),
        lonely.call("GET", pathOf("x", "?fresh=true")),
      ])
      expect(cancelled.json).toMatchObject({ status: 503, error: "temporal_unavailable" })
      expect(cancelled.headers.get("retry-after")).toBe("2")
      expect(fresh.status).toBe(503)
      expect((await lonely.call("GET", pathOf("x"))).status).toBe(200)
      await until(
        () => lonely.logs,
        (lines) => lines.some(({ message }) => message.includes("not started yet")),
      )
    } finally {
      await lonely.stop()
    }
  })
})

/** Rows as the mirror writes them: pay done at the third attempt, ship parked. */
async function mirror(instanceId: string) {
  await rig.pool.query(
    `update txn set status = 'blocked', version = 2, open_exceptions = 1, started_at = '2026-11-21T08:00:00Z'
     where instance_id = $1`,
    [instanceId],
  )
  await rig.pool.query(
    `insert into txn_task (tenant_id, instance_id, path, task_index, generation, status, outcome, compensation,
                           input, output, error, started_at, ended_at, resets, chain, seq)
     values ('default', $1, 'pay', 0, 1, 'success', 'executed', 'none', '{"amount":1}', '{"id":"p1"}', null,
             '2026-11-21T08:00:01Z', '2026-11-21T08:00:02.123456Z', 0, 0, 1),
            ('default', $1, 'ship', 1, 1, 'parked', 'not_executed', 'none', null, null,
             '{"code":"HTTP_503","class":"not_executed","message":"the carrier is away"}',
             '2026-11-21T08:00:02Z', null, 0, 0, 1)`,
    [instanceId],
  )
  await rig.pool.query(
    `insert into txn_attempt (tenant_id, instance_id, path, generation, operation, attempt, class, outcome, code,
                              request, bytes_sent, started_at, ended_at)
     select 'default', $1, 'pay', 1, 'do', n, case n when 3 then 'done' else 'unknown' end,
            case n when 3 then 'executed' else 'unknown' end, case n when 3 then null else 'HTTP_504' end,
            '{"url":"/pay"}', 10, timestamptz '2026-11-21T08:00:01Z', timestamptz '2026-11-21T08:00:02Z'
     from generate_series(1, 3) n`,
    [instanceId],
  )
}
