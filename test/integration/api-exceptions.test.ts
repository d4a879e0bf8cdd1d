import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type ApiRig, startApiRig } from "../helpers/api-rig.ts"

let rig: ApiRig

const FLOW = {
  name: "manual_flow",
  tasks: [
    {
      id: "deduct",
      task_name: "http",
      description: "扣款",
      config: { url: "/x", connection: "shop" },
      retry: { strategy: "auto", max_attempts: 4, interval: "1500ms" },
    },
    {
      id: "notify",
      task_name: "http",
      config: { url: "/y", connection: "shop" },
      retry: { strategy: "manual" },
    },
  ],
}

beforeAll(async () => {
  rig = await startApiRig({ connections: [{ name: "shop", kind: "http" }] })
  await rig.call("POST", "/api/v1/flows", { body: FLOW })
  await rig.call("POST", "/api/v1/flows", { body: { ...FLOW, name: "other_flow" } })
  for (const [instance_id, flow_id] of [
    ["manual_001", "manual_flow"],
    ["订单/1", "other_flow"],
  ] as const) {
    await rig.call("POST", "/api/v1/transactions", { body: { instance_id, flow_id } })
  }
  await rig.pool.query(
    `insert into txn_task (tenant_id, instance_id, path, task_index, generation, status, outcome, compensation,
                           resets, chain, seq)
     values ('default', 'manual_001', 'deduct', 0, 1, 'parked', 'not_executed', 'none', 0, 0, 1)`,
  )
  await rig.pool.query("update txn set status = 'blocked' where instance_id = 'manual_001'")
  await plant("manual_001", "deduct", { kind: "retries_exhausted", severity: "error", at: "08:00:01" })
  await plant("manual_001", "notify", { kind: "rejected", severity: "critical", at: "08:00:02" })
  await plant("订单/1", "deduct", { kind: "unknown_outcome", severity: "error", at: "08:00:03" })
  await plant("订单/1", "", { kind: "flow_error", severity: "warn", at: "08:00:03" })
  await rig.pool.query(
    `insert into txn_attempt (tenant_id, instance_id, path, generation, operation, attempt, class, outcome, started_at, ended_at)
     select 'default', 'manual_001', 'deduct', 1, 'do', n, 'not_executed', 'not_executed', now(), now()
     from generate_series(1, 4) n`,
  )
})
afterAll(() => rig.stop())

const ids = (answer: { data: { list: { id: number }[] } }) => answer.data.list.map(({ id }) => id)

describe("GET /api/v1/exceptions", () => {
  test("shows S1's fields beside ours", async () => {
    const { data } = await rig.call(
      "GET",
      "/api/v1/exceptions?handled=false&instance_id=manual_001&kind=retries_exhausted",
    )
    expect(data.pagination).toEqual({ page: 1, page_size: 20, total: 1 })
    expect(data.list[0]).toEqual({
      id: 1,
      instance_id: "manual_001",
      group_id: "manual_001",
      group: expect.stringMatching(/^[0-9a-f]{16}$/),
      flow_id: expect.any(String),
      flow_name: "manual_flow",
      task: "deduct",
      task_id: "manual_001_deduct",
      task_name: "扣款",
      operation: "do",
      generation: 1,
      kind: "retries_exhausted",
      severity: "error",
      state: "open",
      outcome: "not_executed",
      occurrence: 1,
      error_type: "retries_exhausted",
      error_code: "HTTP_503",
      error_message: "no",
      retry_safe: true,
      retry_safe_reason: "it did not run",
      retry_safe_until: null,
      suggested_actions: ["retry"],
      retry_strategy: "auto",
      retry_times: 3,
      retry_max: 3,
      retry_interval: 1.5,
      retry_next_at: null,
      handled: false,
      handled_by: null,
      handled_at: null,
      handled_remark: null,
      acknowledged_by: null,
      acknowledged_at: null,
      owner: null,
      team: null,
      escalation_level: 0,
      escalated_to: null,
      escalates_at: null,
      escalation_refused: null,
      sla_due_at: null,
      snoozed_until: null,
      occurred_at: "2026-11-21T08:00:01.000Z",
      resolved_at: null,
      resolved_by: null,
    })
    expect((await rig.call("GET", "/api/v1/exceptions/1")).data).toEqual(data.list[0])
  })

  test("names the transaction itself where no task failed", async () => {
    expect((await rig.call("GET", "/api/v1/exceptions/4")).data).toMatchObject({
      task: null,
      task_id: null,
      task_name: null,
      retry_strategy: null,
      retry_max: null,
    })
    expect((await rig.call("POST", "/api/v1/exceptions/4/retry")).json).toMatchObject({
      status: 409,
      error: "not_parked",
    })
  })

  test.each([
    ["", [3, 4, 2, 1]],
    ["severity=error", [3, 1]],
    ["kind=flow_error", [4]],
    ["flow_id=manual_flow", [2, 1]],
    [`instance_id=${encodeURIComponent("订单/1")}`, [3, 4]],
    ["state=resolved", []],
    ["flow_id=nowhere", []],
  ])("filters by %j", async (query, expected) => {
    expect(ids(await rig.call("GET", `/api/v1/exceptions?${query}`))).toEqual(expected)
  })

  test("pages by cursor through records of one moment", async () => {
    const first = await rig.call("GET", "/api/v1/exceptions?limit=1")
    expect(ids(first)).toEqual([3])
    const rest = await rig.call("GET", `/api/v1/exceptions?limit=3&cursor=${first.data.next_cursor}`)
    expect(ids(rest)).toEqual([4, 2, 1])
    expect(rest.data.next_cursor).toBeNull()
    const forged = Buffer.from(JSON.stringify(["1", "1; drop table txn"])).toString("base64url")
    expect((await rig.call("GET", `/api/v1/exceptions?cursor=${forged}`)).status).toBe(400)
  })
})

describe("suggested_actions", () => {
  const suggested = async (id: number) =>
    (await rig.call("GET", `/api/v1/exceptions/${id}`)).data.suggested_actions as string[]

  test("are what would be accepted now", async () => {
    const actions = ["retry", "complete", "skip"]
    await rig.pool.query("update exception set suggested_actions = $1 where id = 1", [actions])
    const set = (status: string, task: string, error: object | null) =>
      rig.pool.query(
        `with moved as (update txn set status = $1, error = $3 where instance_id = 'manual_001')
         update txn_task set status = $2 where instance_id = 'manual_001'`,
        [status, task, error],
      )
    expect(await suggested(1)).toEqual(actions)
    // A cancel is under way.
    await set("running", "cancelled", null)
    expect(await suggested(1)).toEqual([])
    await set("failed", "failed", { code: "HTTP_503", class: "not_executed", message: "no", task: "deduct" })
    expect(await suggested(1)).toEqual(["retry"])
    // Terminated: nobody can go on with it.
    await set("failed", "parked", { code: "orchestrator_lost", class: "unknown", message: "no", task: null })
    expect(await suggested(1)).toEqual([])
    for (const status of ["success", "cancelled", "compensated", "closed"]) {
      await set(status, "cancelled", null)
      expect(await suggested(1)).toEqual([])
    }
    await set("blocked", "parked", null)
    await rig.pool.query("update exception set state = 'resolved' where id = 1")
    expect(await suggested(1)).toEqual([])
    await rig.pool.query("update exception set state = 'open', suggested_actions = '{retry}' where id = 1")
  })
})

describe("numbers in a URL", () => {
  test.each(["0x1", "1e0", "%201", "+1", "01", "99999999999999999999", "x"])(
    "take no exception for the one named %s",
    async (id) => {
      for (const [method, path] of [
        ["GET", ""],
        ["POST", "/handle"],
        ["POST", "/retry"],
      ] as const) {
        const answer = await rig.call(method, `/api/v1/exceptions/${id}${path}`)
        expect(answer.json).toMatchObject({ status: 400, errors: [{ pointer: "/path/id" }] })
      }
    },
  )

  test.each(["page=1e0", "page_size=0x14", "limit=%201", "limit=1.0", "page="])(
    "take no page for the one asked by %s",
    async (query) => {
      expect((await rig.call("GET", `/api/v1/exceptions?${query}`)).json).toMatchObject({
        status: 400,
        errors: [{ pointer: `/query/${query.split("=")[0]}` }],
      })
    },
  )
})

describe("POST /api/v1/exceptions/{id}/handle", () => {
  test("records who and the remark, and moves nothing", async () => {
    const answer = await rig.call("POST", "/api/v1/exceptions/2/handle", {
      body: { remark: "人工确认问题已解决" },
    })
    expect(answer.status).toBe(200)
    expect(answer.data).toEqual({ exception_id: 2, handled: true })
    const { data } = await rig.call("GET", "/api/v1/exceptions/2")
    expect(data).toMatchObject({
      handled: true,
      handled_by: "local",
      handled_remark: "人工确认问题已解决",
      state: "open",
    })
    expect(Math.abs(Date.now() - Date.parse(data.handled_at))).toBeLessThan(60_000)
    expect(ids(await rig.call("GET", "/api/v1/exceptions?handled=true"))).toEqual([2])
    expect((await rig.call("POST", "/api/v1/exceptions/2/handle")).status).toBe(200)
    expect((await rig.call("GET", "/api/v1/exceptions/2")).data.handled_remark).toBe("人工确认问题已解决")
  })
})

async function plant(
  instanceId: string,
  path: string,
  { kind, severity, at }: { kind: string; severity: string; at: string },
) {
  await rig.pool.query(
    `insert into exception (tenant_id, instance_id, path, operation, generation, kind, severity, state, code, message,
                            outcome, occurrence, retry_safe, retry_safe_reason, suggested_actions, occurred_at,
                            resets, chain, seq)
     values ('default', $1, $2, 'do', 1, $3, $4, 'open', 'HTTP_503', 'no', 'not_executed', 1, true, 'it did not run',
             '{retry}', $5, 0, 0, 1)`,
    [instanceId, path, kind, severity, `2026-11-21T${at}Z`],
  )
}
