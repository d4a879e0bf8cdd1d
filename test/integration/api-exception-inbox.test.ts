import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { createApp } from "../../src/api/app.ts"
import { createMirrorWriter, type MirrorWriter } from "../../src/store/mirror/writer.ts"
import { purgeTransactions } from "../../src/store/queries/purge-transactions.ts"
import { type ApiRig, type CallOptions, startApiRig } from "../helpers/api-rig.ts"
import { createListeningLogger } from "../helpers/listening-logger.ts"
import { exceptionRow, mirrorChange } from "../helpers/mirror-rows.ts"

let rig: ApiRig
let writer: MirrorWriter

const flow = (name: string, mask?: string[]) => ({
  name,
  ...(mask === undefined ? {} : { mask }),
  tasks: [{ id: "pay", task_name: "http", config: { url: "/x", connection: "shop" } }],
})

beforeAll(async () => {
  rig = await startApiRig({ connections: [{ name: "shop", kind: "http" }] })
  writer = createMirrorWriter({ pool: rig.pool, logger: createListeningLogger() })
  await rig.call("POST", "/api/v1/flows", { body: flow("订单") })
  await rig.call("POST", "/api/v1/flows", { body: flow("secretive", ["/params/card"]) })
})
afterAll(async () => {
  await writer.close()
  await rig.stop()
})

let historyLength = 3

/** As a worker tells it. @returns the record's number. */
async function tell(instanceId: string, row: Parameters<typeof exceptionRow>[0] = {}): Promise<number> {
  writer.push(
    mirrorChange({
      transaction_id: instanceId,
      history_length: historyLength++,
      exceptions: [exceptionRow(row)],
    }),
  )
  await writer.flush()
  const { rows } = await rig.pool.query<{ id: number }>("select id from exception where instance_id = $1", [
    instanceId,
  ])
  return rows[0]?.id ?? 0
}

async function open(
  instanceId: string,
  row: Parameters<typeof exceptionRow>[0] = {},
  { flowId = "订单", params = {} }: { flowId?: string; params?: object } = {},
): Promise<number> {
  await rig.call("POST", "/api/v1/transactions", {
    body: { instance_id: instanceId, flow_id: flowId, params },
  })
  return tell(instanceId, row)
}

const say = (id: number, what: string, body?: unknown, options: CallOptions = {}) =>
  rig.call("POST", `/api/v1/exceptions/${id}/${what}`, {
    ...(body === undefined ? {} : { body }),
    ...options,
  })
const get = async (id: number) => (await rig.call("GET", `/api/v1/exceptions/${id}`)).data
const list = async (query: string) =>
  (await rig.call("GET", `/api/v1/exceptions?${query}`)).data.list.map(({ id }: { id: number }) => id)
const groups = async (query = "") => (await rig.call("GET", `/api/v1/exceptions/groups?${query}`)).data.list
const types = async (instanceId: string) => {
  const { rows } = await rig.pool.query<{ type: string }>(
    "select type from event where instance_id = $1 order by id",
    [instanceId],
  )
  return rows.map(({ type }) => type)
}

describe("what people say of an open exception", () => {
  test("lies over its state: acknowledged, assigned, snoozed, and back", async () => {
    const id = await open("overlays")
    expect((await say(id, "acknowledge")).data).toMatchObject({
      id,
      state: "acknowledged",
      acknowledged_by: "local",
    })
    expect((await say(id, "assign", { owner: "安", team: "payments" })).data).toMatchObject({
      state: "assigned",
      owner: "安",
      team: "payments",
    })
    const { data: asleep } = await say(id, "snooze", { for: "2h" })
    expect(asleep.state).toBe("snoozed")
    expect(Date.parse(asleep.snoozed_until) - Date.now()).toBeGreaterThan(7_100_000)
    expect(Date.parse(asleep.snoozed_until) - Date.now()).toBeLessThanOrEqual(7_200_000)
    expect(asleep.suggested_actions).toEqual((await get(id)).suggested_actions)
    expect((await say(id, "snooze", { until: null })).data).toMatchObject({
      state: "assigned",
      snoozed_until: null,
    })
    // The team stays where it is not named.
    expect((await say(id, "assign", { owner: null })).data).toMatchObject({ state: "assigned", owner: null })
    expect((await say(id, "assign", { owner: null, team: null })).data).toMatchObject({
      state: "acknowledged",
      team: null,
    })
    expect(await types("overlays")).toEqual([
      "exception.opened",
      "exception.acknowledged",
      "exception.assigned",
      "exception.snoozed",
      "exception.woken",
      "exception.assigned",
      "exception.unassigned",
    ])
    const { rows } = await rig.pool.query("select state from exception where id = $1", [id])
    expect(rows).toEqual([{ state: "open" }])
  })

  test("is filtered by as it is shown; lists hold what sleeps unless they ask for none", async () => {
    const ids = [await open("f1"), await open("f2"), await open("f3"), await open("f4")]
    const [plain = 0, seen = 0, given = 0, asleep = 0] = ids
    await say(seen, "acknowledge")
    await say(given, "assign", { owner: "ann", team: "f-team" })
    await say(asleep, "snooze", { for: "1d" })
    const among = async (query: string) =>
      (await list(`page_size=200&${query}`))
        .filter((id: number) => ids.includes(id))
        .toSorted((a: number, b: number) => a - b)
    expect(await among("")).toEqual(ids)
    expect(await among("state=open")).toEqual([plain])
    expect(await among("state=acknowledged")).toEqual([seen])
    expect(await among("state=assigned")).toEqual([given])
    expect(await among("state=snoozed")).toEqual([asleep])
    expect(await among("snoozed=true")).toEqual([asleep])
    expect(await among("snoozed=false")).toEqual([plain, seen, given])
    expect(await among("owner=ann")).toEqual([given])
    expect(await among("team=f-team")).toEqual([given])
    expect(await among("team=nobody")).toEqual([])
    const { data } = await rig.call("GET", "/api/v1/exceptions?team=f-team&page_size=1")
    expect(data.pagination.total).toBe(1)
    // It wakes by itself.
    await rig.pool.query(
      "update exception set snoozed_until = now() - interval '1 second' where snoozed_until is not null",
    )
    expect(await get(asleep)).toMatchObject({ state: "open", snoozed_until: null })
    expect(await among("snoozed=true")).toEqual([])
  })

  test("is gone where the record is opened again, but for owner and team", async () => {
    const id = await open("again")
    await say(id, "acknowledge")
    await say(id, "snooze", { for: "1d" })
    await tell("again", { occurrence: 2, state: "reopened" })
    expect(await get(id)).toMatchObject({
      state: "reopened",
      acknowledged_by: null,
      acknowledged_at: null,
      snoozed_until: null,
    })
    await say(id, "assign", { owner: "ann" })
    await tell("again", { occurrence: 3, state: "reopened" })
    expect(await get(id)).toMatchObject({ state: "assigned", owner: "ann", occurrence: 3 })
  })

  test("keeps who acknowledged it first, and when", async () => {
    const id = await open("first")
    await say(id, "acknowledge")
    await rig.pool.query("update exception set acknowledged_by = 'bob' where id = $1", [id])
    expect((await say(id, "acknowledge")).data.acknowledged_by).toBe("bob")
  })

  test.each([
    ["acknowledge", undefined],
    ["assign", { owner: "ann" }],
    ["snooze", { for: "1h" }],
  ])("is refused once it is resolved: %s", async (what, body) => {
    const id = await open(`closed-${what}`)
    await tell(`closed-${what}`, { state: "resolved" })
    const before = await get(id)
    expect((await say(id, what, body)).json).toMatchObject({ status: 409, error: "exception_not_open" })
    expect(await get(id)).toEqual(before)
    expect(await types(`closed-${what}`)).toEqual(["exception.opened", "exception.resolved"])
  })

  test.each([
    ["snooze", { for: "91d" }, "/for"],
    ["snooze", { for: 0 }, "/for"],
    ["snooze", { for: "soon" }, "/for"],
    ["snooze", { until: "2020-01-01T00:00:00Z" }, "/until"],
    ["snooze", { until: "9999-01-01T00:00:00Z" }, "/until"],
    ["snooze", { until: "tomorrow" }, "/until"],
    ["snooze", { until: null, for: "1h" }, "/until"],
    ["snooze", {}, "/until"],
    ["assign", { team: "payments" }, "/owner"],
    ["assign", { owner: "" }, "/owner"],
    ["assign", { owner: "a\0b" }, "/owner"],
    ["assign", { owner: "ann", group: "x" }, "/group"],
    ["comment", { text: " " }, "/text"],
    ["comment", { text: "x".repeat(4_001) }, "/text"],
  ])("is refused where it makes no sense: %s, case %#", async (what, body, pointer) => {
    const id = await open("senseless")
    expect((await say(id, what, body)).json).toMatchObject({ status: 400, errors: [{ pointer }] })
    expect(await types("senseless")).not.toContain("exception.snoozed")
  })

  test("sleeps until a given moment", async () => {
    const id = await open("until")
    const until = new Date(Date.now() + 89 * 86_400_000)
    const { data } = await say(id, "snooze", { until: until.toISOString().replace("Z", "+00:00") })
    expect(data.snoozed_until).toBe(until.toISOString())
    expect((await say(id, "snooze", { for: null })).data.state).toBe("open")
  })

  test.each([
    ["acknowledge", undefined],
    ["assign", { owner: "ann" }],
    ["snooze", { for: "1h" }],
    ["comment", { text: "once" }],
  ])("is carried out once under one Idempotency-Key: %s", async (what, body) => {
    const id = await open(`once-${what}`)
    const headers = { "idempotency-key": `once-${what}` }
    const first = await say(id, what, body, { headers })
    const again = await say(id, what, body, { headers })
    expect(first.status).toBe(what === "comment" ? 201 : 200)
    expect(again.status).toBe(200)
    expect(again.headers.get("idempotency-replayed")).toBe("true")
    expect(again.data).toEqual(first.data)
    expect(await types(`once-${what}`)).toHaveLength(2)
  })
})

describe("comments", () => {
  test("are listed oldest first, page by page, and may come after the end", async () => {
    const id = await open("talked")
    await say(id, "comment", { text: "银行说没有收到" })
    await tell("talked", { state: "resolved" })
    const answer = await say(id, "comment", { text: "  paid by hand " })
    expect(answer.status).toBe(201)
    expect(answer.headers.get("location")).toBe(`/api/v1/exceptions/${id}/comments`)
    expect(answer.data).toEqual({
      id: expect.any(Number),
      exception_id: id,
      actor: "local",
      text: "paid by hand",
      at: expect.any(String),
    })
    const path = `/api/v1/exceptions/${id}/comments`
    const { data } = await rig.call("GET", path)
    expect(data.list.map(({ text }: { text: string }) => text)).toEqual(["银行说没有收到", "paid by hand"])
    expect(data.pagination.total).toBe(2)
    const { data: page } = await rig.call("GET", `${path}?limit=1`)
    const { data: rest } = await rig.call("GET", `${path}?limit=1&cursor=${page.next_cursor}`)
    expect([...page.list, ...rest.list]).toEqual(data.list)
    expect(await types("talked")).toEqual([
      "exception.opened",
      "exception.commented",
      "exception.resolved",
      "exception.commented",
    ])
  })

  test("go with their transaction", async () => {
    const id = await open("old")
    await say(id, "comment", { text: "gone soon" })
    await rig.pool.query(
      `update txn set status = 'success', confirmed_at = now(), ended_at = now() - interval '1 day'
       where instance_id = 'old'`,
    )
    const keys = [{ tenant: "default", transaction_id: "old" }]
    expect(await purgeTransactions(rig.pool, { keys, olderThanMs: 1 })).toBe(1)
    const { rows } = await rig.pool.query("select from exception_comment where exception_id = $1", [id])
    expect(rows).toEqual([])
  })
})

describe("GET /api/v1/exceptions/groups", () => {
  test("counts what failed in the same way, newest activity first", async () => {
    const noon = Date.UTC(2026, 5, 1, 12)
    const refused = (order: number, row: object = {}) =>
      open(`group-${order}`, {
        code: "GROUPED",
        message: `订单 ${order} 被拒绝`,
        occurred_at: noon + order,
        ...row,
      })
    const ids = [
      await refused(1, { retry_safe: true, retry_safe_until: Date.now() - 1 }),
      await refused(2, { retry_safe: false, severity: "critical" }),
      await refused(3),
    ]
    const other = await refused(9, { message: "余额不足" })
    const found = (await groups()).filter(({ code }: { code: string }) => code === "GROUPED")
    expect(found).toEqual([
      expect.objectContaining({ message: "余额不足", count: 1, example_id: other }),
      {
        group: expect.stringMatching(/^[0-9a-f]{16}$/),
        flow_id: (await get(ids[0]!)).flow_id,
        flow_name: "订单",
        task: "pay",
        operation: "do",
        kind: "retries_exhausted",
        code: "GROUPED",
        severity: "critical",
        message: "订单 <n> 被拒绝",
        count: 3,
        retry_safe_count: 1,
        oldest_at: new Date(noon + 1).toISOString(),
        newest_at: new Date(noon + 3).toISOString(),
        example_id: ids[2],
      },
    ])
    const { group } = found[1]
    for (const id of ids) expect((await get(id)).group).toBe(group)
    expect(await list(`group=${group}`)).toEqual(ids.toReversed())
    expect(await groups(`group=${group}&limit=1`)).toEqual([found[1]])
    expect(await groups("flow_id=secretive")).toEqual([])

    await tell("group-1", { code: "GROUPED", message: "订单 1 被拒绝", state: "resolved" })
    expect(await groups(`group=${group}`)).toMatchObject([{ count: 2 }])
    expect(await groups(`group=${group}&state=resolved`)).toMatchObject([{ count: 1, example_id: ids[0] }])
    await say(ids[1]!, "snooze", { for: "1d" })
    expect(await groups(`group=${group}&snoozed=false`)).toMatchObject([{ count: 1, example_id: ids[2] }])
    expect(await groups(`group=${group}&state=snoozed`)).toMatchObject([{ count: 1, example_id: ids[1] }])
  })

  test("groups two hundred failures of one way into one", async () => {
    const writes = Array.from({ length: 200 }, (_, n) => ({
      exceptions: [
        exceptionRow({ code: "MANY", generation: n + 1, message: `charge ${n} timed out after ${n}s` }),
      ],
    }))
    await open("many")
    for (const write of writes)
      writer.push(mirrorChange({ transaction_id: "many", history_length: historyLength++, ...write }))
    await writer.flush()
    const found = (await groups()).filter(({ code }: { code: string }) => code === "MANY")
    expect(found).toMatchObject([{ count: 200, message: "charge <n> timed out after <n>s" }])
  })

  test("finds and shows the group of a row that was written without one", async () => {
    const id = await open("unstored", { code: "UNSTORED", message: "no" })
    const { group } = await get(id)
    await rig.pool.query("update exception set group_hash = null, message_shape = null where id = $1", [id])
    expect((await get(id)).group).toBe(group)
    expect(await list(`group=${group}`)).toEqual([id])
    expect(await groups(`group=${group}`)).toMatchObject([{ group, count: 1 }])
  })

  test("shows no value that the flow hides", async () => {
    const card = "Visa 4111/Zhang"
    await open(
      "masked",
      { code: "MASKED", message: `the card ${card} was refused` },
      { flowId: "secretive", params: { card } },
    )
    const [found] = await groups("flow_id=secretive")
    expect(found).toMatchObject({ code: "MASKED", message: "the card [redacted] was refused" })
  })
})

describe("another tenant", () => {
  test("sees, finds and changes nothing of it", async () => {
    const id = await open("mine", { code: "MINE" })
    await say(id, "assign", { owner: "ann", team: "mine" })
    await say(id, "comment", { text: "ours alone" })
    const { group } = await get(id)
    const app = createApp({ ...rig.dependencies, auth: { mode: "keys" } })
    const authorization = `Bearer ${await rig.key({ tenant: "theirs" })}`
    const ask = async (method: string, path: string, body?: unknown) => {
      const response = await app.request(`/api/v1${path}`, {
        method,
        headers: { authorization, ...(body === undefined ? {} : { "content-type": "application/json" }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      // Every answer of the API has the envelope.
      const { data } = (await response.json()) as { data: { list: unknown[] } }
      return { status: response.status, data }
    }
    for (const query of ["", "?owner=ann", "?team=mine", `?group=${group}`])
      expect((await ask("GET", `/exceptions${query}`)).data.list).toEqual([])
    expect((await ask("GET", `/exceptions/groups?group=${group}`)).data.list).toEqual([])
    expect((await ask("GET", `/exceptions/${id}/comments`)).status).toBe(404)
    const before = await get(id)
    for (const [what, body] of [
      ["acknowledge", undefined],
      ["assign", { owner: "eve" }],
      ["snooze", { for: "1h" }],
      ["comment", { text: "hello" }],
    ] as const)
      expect((await ask("POST", `/exceptions/${id}/${what}`, body)).status).toBe(404)
    expect(await get(id)).toEqual(before)
    const told = await types("mine")
    expect(told).toEqual(["exception.opened", "exception.assigned", "exception.commented"])
  })
})
