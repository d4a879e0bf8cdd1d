/** dist_task's own calls with its own bodies, against servers of the kinds it calls: what its users rely on. */
import { readFile } from "node:fs/promises"
import pg from "pg"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { createStopList } from "../../src/app/stop-list.ts"
import { type EventBroker, startEvents } from "../../src/app/shop/events.ts"
import { createTestDatabase } from "../helpers/database.ts"
import { createNode, type HoldfastNode } from "../helpers/holdfast-node.ts"
import { getServers } from "../helpers/servers.ts"
import { startTargets, type Targets } from "../helpers/s1-targets.ts"
import { testTemporal } from "../helpers/temporal.ts"
import { until } from "../helpers/until.ts"

let orders: pg.Pool
let broker: EventBroker
let targets: Targets
let node: HoldfastNode
const stops = createStopList()

beforeAll(async () => {
  const own = await createTestDatabase()
  stops.add("our database", () => own.drop())
  const shop = await createTestDatabase("empty")
  stops.add("the shop's database", () => shop.drop())
  const url = new URL(shop.url)
  orders = new pg.Pool({ connectionString: shop.url, max: 2 })
  stops.add("the pool", () => orders.end())
  orders.on("error", () => undefined)
  await orders.query(
    "create table orders (order_id text primary key, user_id text not null, amount integer not null)",
  )
  broker = await startEvents()
  stops.add("the broker", () => broker.stop())
  targets = await startTargets()
  stops.add("the targets", () => targets.stop())
  const { temporalAddress } = await getServers()
  const { namespace } = await testTemporal()
  const service = (name: string) => ({
    name,
    kind: "http-rpc" as const,
    host: "127.0.0.1",
    port: targets.port,
  })
  node = await createNode({
    databaseUrl: own.url,
    temporalAddress,
    namespace,
    connections: [
      service("payment-service"),
      service("inventory-service"),
      {
        name: "events",
        kind: "mqtt",
        host: "127.0.0.1",
        port: broker.port,
        protocol: "3.1.1",
        default: true,
      },
      {
        name: "app",
        kind: "postgres",
        host: url.hostname,
        port: Number(url.port),
        database: url.pathname.slice(1),
        user: decodeURIComponent(url.username),
        password_secret: "app_password",
        default: true,
      },
    ],
    secrets: { app_password: decodeURIComponent(url.password) },
  })
  stops.add("the process", () => node.stop())
  await node.start()
})
afterAll(stops.stop)

interface Answer {
  status: number
  // oxlint-disable-next-line typescript/no-explicit-any -- the test looks into what came
  json: any
  // oxlint-disable-next-line typescript/no-explicit-any -- the test looks into what came
  data: any
}

async function call(method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(`${node.url}${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  })
  // The shape is what each test asks about.
  const json = (await response.json()) as Answer["json"]
  return { status: response.status, json, data: json.data }
}

/** The body as dist_task's users send it; the HTTP tasks' hosts are where the test's server listens. */
// oxlint-disable-next-line typescript/no-explicit-any -- the test's own files
async function body(name: string): Promise<any> {
  const text = await readFile(new URL(`../fixtures/s1/${name}.json`, import.meta.url), "utf8")
  return JSON.parse(text.replaceAll(/http:\/\/(service-[abc])\//g, `http://127.0.0.1:${targets.port}/$1/`))
}

async function start(name: string) {
  const answer = await call("POST", "/api/v1/transactions", await body(name))
  expect(answer.json).toMatchObject({ code: 0, message: "success", data: { status: "pending" } })
  return answer.data as { instance_id: string; flow_id: string; status: string }
}

function reaches(instanceId: string, status: string) {
  return until(
    async () => (await call("GET", `/api/v1/transactions/${instanceId}`)).data,
    (data) => data.status === status,
  )
}

const rpcs = (method: string, order: string) =>
  targets.received.filter(
    ({ path, body: sent }) => path === "/rpc" && sent.method === method && sent.params.order_id === order,
  )

const CREATED = ["payment", "order", "parallel", "db", "manual"]

test("GET /health", async () => {
  expect((await call("GET", "/health")).json).toMatchObject({ code: 0, data: { status: "ok" } })
})

describe("flows", () => {
  test.each(CREATED)("POST /flows with create-%s-flow.json, and GET as it was sent", async (name) => {
    const sent = await body(`create-${name}-flow`)
    const created = await call("POST", "/api/v1/flows", sent)
    expect(created.json, JSON.stringify(created.json)).toMatchObject({
      code: 0,
      message: "success",
      data: { id: expect.any(String) as string, name: sent.name, created_at: expect.any(String) as string },
    })
    const got = await call("GET", `/api/v1/flows/${created.data.id}`)
    expect(got.data.definition).toEqual(sent.definition)
    expect(got.data).toMatchObject({
      description: sent.description,
      flow_type: sent.flow_type,
      create_user: "admin",
      updated_user: "admin",
      is_active: true,
      version: 1,
    })
  })

  test("GET /flows with pages", async () => {
    const { json, data } = await call("GET", "/api/v1/flows?page=1&page_size=20")
    expect(json.code).toBe(0)
    expect(data.pagination).toEqual({ page: 1, page_size: 20, total: CREATED.length })
    for (const flow of data.list)
      expect(flow).toMatchObject({ id: expect.any(String) as string, name: expect.any(String) as string })
  })

  test("PUT makes a version, and all of them can be read, also as a graph", async () => {
    const sent = await body("create-parallel-flow")
    const changing = { ...sent, name: "changing", definition: { ...sent.definition, name: "changing" } }
    const { data: created } = await call("POST", "/api/v1/flows", changing)
    const fewer = { ...changing.definition, tasks: changing.definition.tasks.slice(0, 2) }
    const put = await call("PUT", `/api/v1/flows/${created.id}`, {
      ...changing,
      definition: JSON.stringify(fewer),
    })
    expect(put.data).toMatchObject({ id: created.id, version: 2, definition: JSON.stringify(fewer) })
    const versions = await call("GET", "/api/v1/flows/changing/versions")
    expect(versions.data).toMatchObject({
      list: [
        { version: 2, is_current: true, plan_hash: put.data.plan_hash },
        { version: 1, is_current: false, plan_hash: created.plan_hash },
      ],
      pagination: { total: 2 },
    })
    const first = await call("GET", "/api/v1/flows/changing/versions/1")
    expect(first.data.definition).toEqual(changing.definition)
    const graph = await call("GET", "/api/v1/flows/changing/graph?version=1")
    expect(graph.data.nodes.map(({ id, level }: { id: string; level: number }) => [id, level])).toEqual([
      ["task_a", 0],
      ["task_b", 0],
      ["task_c", 1],
    ])
    expect(graph.data.edges).toEqual([
      { from: "task_a", to: "task_c", on: "success" },
      { from: "task_b", to: "task_c", on: "success" },
    ])
    expect((await call("GET", "/api/v1/flows/changing/versions/3")).json.error).toBe("version_not_found")
  })

  test("a deactivated flow starts nothing until it is activated", async () => {
    const off = await call("POST", "/api/v1/flows/changing/deactivate")
    expect(off.data).toMatchObject({ name: "changing", is_active: false })
    const begin = { instance_id: "inactive", flow_id: "changing", params: {} }
    const refused = await call("POST", "/api/v1/transactions", begin)
    expect([refused.status, refused.json.error]).toEqual([409, "flow_inactive"])
    expect((await call("POST", "/api/v1/flows/changing/activate")).data.is_active).toBe(true)
    expect((await call("POST", "/api/v1/transactions", begin)).data.status).toBe("pending")
    await reaches("inactive", "success")
  })

  test("DELETE hides the flow and frees its name; what was started goes on", async () => {
    const release = targets.hold("/service-a/process")
    await call("POST", "/api/v1/transactions", { instance_id: "outlives", flow_id: "changing", params: {} })
    await reaches("outlives", "running")
    const deleted = await call("DELETE", "/api/v1/flows/changing")
    expect(deleted.json).toMatchObject({ code: 0, data: { name: "changing" } })
    expect((await call("GET", "/api/v1/flows/changing")).status).toBe(404)
    expect((await call("GET", `/api/v1/flows/${deleted.data.id}`)).status).toBe(404)
    expect((await call("DELETE", "/api/v1/flows/changing")).status).toBe(404)
    const again = await call("POST", "/api/v1/transactions", {
      instance_id: "x",
      flow_id: "changing",
      params: {},
    })
    expect([again.status, again.json.error]).toEqual([404, "flow_not_found"])
    release()
    await reaches("outlives", "success")
    const sent = await body("create-parallel-flow")
    const anew = await call("POST", "/api/v1/flows", {
      ...sent,
      name: "changing",
      definition: { tasks: sent.definition.tasks },
    })
    expect([anew.status, anew.data.version]).toEqual([201, 1])
    expect(anew.data.id).not.toBe(deleted.data.id)
  })
})

describe("order_001", () => {
  test("starts once, however often it is sent, and runs to success", async () => {
    const release = targets.hold("deduct")
    const first = await start("start-order_001")
    expect(first).toMatchObject({ instance_id: "order_001", flow_id: expect.any(String) as string })
    const running = await reaches("order_001", "running")
    expect(running.completed_at).toBeNull()
    const again = await call("POST", "/api/v1/transactions", await body("start-order_001"))
    expect([again.status, again.data.instance_id]).toEqual([200, "order_001"])
    await until(
      () => rpcs("deduct", "order_001").length,
      (count) => count > 0,
    )
    release()
    const done = await reaches("order_001", "success")
    expect(done.tasks).toMatchObject([
      { id: "order_001_deduct", task_id: "deduct", name: "扣款", status: "success" },
    ])
    expect(done).toMatchObject({
      created_at: expect.any(String) as string,
      completed_at: expect.any(String) as string,
    })
    expect(rpcs("deduct", "order_001")).toHaveLength(1)
  })

  test("goes over the wire as POST /rpc with method and params", () => {
    const [sent] = rpcs("deduct", "order_001")
    expect(sent?.body).toEqual({
      method: "deduct",
      params: { user_id: "user_1001", amount: 99, order_id: "order_001" },
    })
  })

  test("has task rows with input, output and error", async () => {
    const { data } = await call("GET", "/api/v1/transactions/order_001/tasks")
    expect(data.list).toMatchObject([
      {
        id: "order_001_deduct",
        group_id: "order_001",
        type: "rpc",
        config: { service: "payment-service", method: "deduct" },
        input_data: { user_id: "user_1001", amount: 99, order_id: "order_001" },
        output_data: { ok: true },
        error_message: null,
        retry_count: 0,
        max_retry: 2,
      },
    ])
  })

  test("has an ordered log, by pages and by cursor", async () => {
    const path = "/api/v1/transactions/order_001/logs"
    const { data } = await until(
      () => call("GET", path),
      ({ data: found }) => found.list.some(({ action }: { action: string }) => action === "attempt"),
    )
    expect(
      data.list.map(({ action, task_id }: { action: string; task_id: string | null }) => [action, task_id]),
    ).toEqual([
      ["accept", null],
      ["start", "order_001_deduct"],
      ["attempt", "order_001_deduct"],
      ["success", "order_001_deduct"],
      ["success", null],
    ])
    const times = data.list.map(({ created_at }: { created_at: string }) => created_at)
    expect(times).toEqual(times.toSorted())
    for (const line of data.list)
      expect(line).toMatchObject({ id: expect.any(String) as string, message: expect.any(String) as string })
    const walked: unknown[] = []
    for (let cursor = ""; ;) {
      const page = await call("GET", `${path}?limit=2${cursor}`)
      walked.push(...page.data.list)
      if (page.data.next_cursor === null) break
      cursor = `&cursor=${page.data.next_cursor}`
    }
    expect(walked).toEqual(data.list)
  })

  test("has a timeline", async () => {
    const { data } = await call("GET", "/api/v1/transactions/order_001/timeline")
    expect(data).toMatchObject({
      instance_id: "order_001",
      status: "success",
      duration: expect.any(Number) as number,
      tasks: [
        {
          task_id: "deduct",
          status: "success",
          duration: expect.any(Number) as number,
          attempts: [{ attempt: 1, class: "done" }],
        },
      ],
      more_attempts: false,
    })
  })
})

describe("the other starts", () => {
  test("order_002 converts the text amount and announces the order", async () => {
    await start("start-order_002")
    await reaches("order_002", "success")
    expect(rpcs("deduct", "order_002")[0]?.body.params.amount).toBe(99)
    expect(broker.received().filter(({ topic }) => topic === "order.completed")).toMatchObject([
      { body: { data: { user_id: "user_1001", order_id: "order_002", status: "paid" } } },
    ])
  })

  test("parallel_001: a and b overlap, c comes after both", async () => {
    const releases = [targets.hold("/service-a/process"), targets.hold("/service-b/process")]
    const before = targets.received.length
    await start("start-parallel_001")
    // Both wait at once, which no sequence would reach.
    await until(
      () => targets.received.length,
      (count) => count === before + 2,
    )
    for (const release of releases) release()
    await reaches("parallel_001", "success")
    const [a, b, c] = targets.received.slice(before)
    expect(new Set([a?.path, b?.path])).toEqual(new Set(["/service-a/process", "/service-b/process"]))
    expect(c).toMatchObject({
      path: "/service-c/process",
      body: { n: 3 },
      headers: { authorization: "Bearer xxx" },
    })
    expect(c?.arrived).toBeGreaterThan(Math.max(a?.answered ?? Infinity, b?.answered ?? Infinity))
  })

  test("db_001 adds one row", async () => {
    await start("start-db_001")
    await reaches("db_001", "success")
    const { rows } = await orders.query("select * from orders")
    expect(rows).toEqual([{ order_id: "db_001", user_id: "user_1001", amount: 100 }])
  })
})

describe("a target that is down, with strategy manual", () => {
  let exception: number

  test("blocks the transaction and opens an exception", async () => {
    await targets.down()
    await start("start-manual_001")
    await reaches("manual_001", "blocked")
    const { data } = await call("GET", "/api/v1/exceptions?handled=false&instance_id=manual_001")
    expect(data.list).toMatchObject([
      {
        id: expect.any(Number) as number,
        task_id: "manual_001_deduct",
        task: "deduct",
        task_name: "扣款",
        error_code: "ECONNREFUSED",
        error_message: expect.any(String) as string,
        handled: false,
        retry_strategy: "manual",
      },
    ])
    exception = data.list[0].id
  })

  test("POST /exceptions/{id}/handle", async () => {
    const { json } = await call("POST", `/api/v1/exceptions/${exception}/handle`, {
      remark: "人工确认问题已解决",
    })
    expect(json).toMatchObject({ code: 0, data: { exception_id: exception, handled: true } })
  })

  test("POST /exceptions/{id}/retry runs the task again, and the flow to its end", async () => {
    await targets.up()
    const { json } = await call("POST", `/api/v1/exceptions/${exception}/retry`)
    expect(json).toMatchObject({
      code: 0,
      data: { exception_id: exception, retry_scheduled: true, retry_next_at: expect.any(String) as string },
    })
    await reaches("manual_001", "success")
    const calls = rpcs("deduct", "manual_001")
    expect(calls).toHaveLength(1)
    // Attempts are written down beside the flow, not by it: they may come a moment later.
    await until(
      async () => {
        const { data } = await call("GET", "/api/v1/transactions/manual_001/logs")
        return data.list.map(({ action }: { action: string }) => action)
      },
      (actions) =>
        actions
          .filter((action: string) => ["attempt", "exception", "handle", "retry"].includes(action))
          .join() === "attempt,exception,handle,retry,retry,attempt",
    )
    const again = await call("POST", `/api/v1/exceptions/${exception}/retry`)
    expect(again.status).toBe(409)
  })

  test("POST /transactions/{id}/retry takes every parked task", async () => {
    await targets.down()
    const sent = await body("create-manual-flow")
    const [deduct] = sent.definition.tasks
    const tasks = [deduct, { ...deduct, id: "second", depends_on: [] }]
    await call("POST", "/api/v1/flows", { name: "two", definition: { tasks } })
    const { params } = await body("start-manual_001")
    await call("POST", "/api/v1/transactions", { instance_id: "two_1", flow_id: "two", params })
    await reaches("two_1", "blocked")
    await targets.up()
    const { json } = await call("POST", "/api/v1/transactions/two_1/retry")
    expect(json).toMatchObject({ code: 0, data: { instance_id: "two_1", status: "pending" } })
    const done = await reaches("two_1", "success")
    expect(done.tasks.map(({ status }: { status: string }) => status)).toEqual(["success", "success"])
  })

  test("POST /transactions/{id}/cancel", async () => {
    await targets.down()
    const sent = { ...(await body("start-manual_001")), instance_id: "manual_002" }
    await call("POST", "/api/v1/transactions", sent)
    await reaches("manual_002", "blocked")
    const { json } = await call("POST", "/api/v1/transactions/manual_002/cancel")
    expect(json).toMatchObject({
      code: 0,
      data: { instance_id: "manual_002", status: expect.any(String) as string },
    })
    await reaches("manual_002", "cancelled")
    await targets.up()
  })
})

test("a failed transaction resumes: outputs and keys are kept, what was done is not done again", async () => {
  targets.refuse("ship")
  const tasks = [
    { id: "pay", task_name: "deduct", config: { service: "payment-service" } },
    {
      id: "ship",
      task_name: "rpc",
      depends_on: ["pay"],
      config: { service: "inventory-service", method: "ship" },
      input: { order_id: "${ params.pay.order_id }", paid: "${ tasks.pay.output.ok }" },
      effect: "keyed",
      retry: { strategy: "no_retry" },
    },
  ]
  await call("POST", "/api/v1/flows", { name: "failing", definition: { tasks } })
  const params = { pay: { user_id: "u", amount: 1, order_id: "failing_1" } }
  await call("POST", "/api/v1/transactions", { instance_id: "failing_1", flow_id: "failing", params })
  await reaches("failing_1", "failed")
  targets.answer("ship")
  const { json } = await call("POST", "/api/v1/transactions/failing_1/retry")
  expect(json.data).toEqual({ instance_id: "failing_1", status: "pending" })
  await reaches("failing_1", "success")
  expect(rpcs("deduct", "failing_1")).toHaveLength(1)
  const ships = rpcs("ship", "failing_1")
  expect(ships.map(({ body: sent }) => sent.params.paid)).toEqual([true, true])
  expect(new Set(ships.map(({ headers }) => headers["idempotency-key"])).size).toBe(1)
})

describe("typed input", () => {
  const begin = (params: unknown) =>
    call("POST", "/api/v1/transactions", { instance_id: "typed", flow_id: "payment_flow", params })

  test("every missing field of deduct is named with its path, and nothing is started", async () => {
    const { status, json } = await begin({ deduct: { user_id: "u" } })
    expect([status, json.code, json.error]).toEqual([400, 400, "params_invalid"])
    expect(
      json.errors.map(({ pointer, code }: { pointer: string; code: string }) => [pointer, code]),
    ).toEqual([
      ["/params/deduct/amount", "required"],
      ["/params/deduct/order_id", "required"],
    ])
    expect((await call("GET", "/api/v1/transactions/typed")).status).toBe(404)
  })

  test("99.5 is no int", async () => {
    const { json } = await begin({ deduct: { user_id: "u", amount: 99.5, order_id: "o" } })
    expect(json.errors).toMatchObject([{ pointer: "/params/deduct/amount", code: "wrong_type" }])
  })

  test("what depends on another task is converted when the task starts, and parks when it does not fit", async () => {
    const definition = {
      name: "audit",
      type: "rpc",
      config: { service: "inventory-service", method: "audit" },
      input_fields: [
        { name: "order_id", type: "string", required: true },
        { name: "name", type: "int" },
        { name: "count", type: "int", default: 1 },
      ],
    }
    expect((await call("POST", "/api/v1/task-definitions", definition)).status).toBe(201)
    const flow = (name: string, input: object) => ({
      name,
      definition: {
        tasks: [
          { id: "pay", task_name: "deduct", config: { service: "payment-service" } },
          { id: "audit", task_name: "audit", depends_on: ["pay"], input },
        ],
      },
    })
    await call(
      "POST",
      "/api/v1/flows",
      flow("audited", { order_id: "${ params.id }", name: "${ tasks.pay.output.name }" }),
    )
    const params = { pay: { user_id: "u", amount: "7", order_id: "o" }, id: 5 }
    await call("POST", "/api/v1/transactions", { instance_id: "audited_1", flow_id: "audited", params })
    const { tasks } = await reaches("audited_1", "blocked")
    expect(tasks[1]).toMatchObject({
      status: "parked",
      error_code: "input_invalid",
      error_class: "misconfigured",
      error_message: "name must be a whole number, got text that is none",
    })
    expect(rpcs("audit", "5")).toEqual([])

    await call("POST", "/api/v1/flows", flow("counted", { order_id: "${ tasks.pay.output.ok }", more: 1 }))
    await call("POST", "/api/v1/transactions", { instance_id: "counted_1", flow_id: "counted", params })
    await reaches("counted_1", "success")
    expect(rpcs("audit", "true")[0]?.body.params).toEqual({ order_id: "true", count: 1 })
  })

  test("a published version keeps the definition it was compiled with", async () => {
    const { data: before } = await call("GET", "/api/v1/flows/counted")
    const changed = { type: "rpc", config: { service: "payment-service", method: "other" } }
    expect((await call("PUT", "/api/v1/task-definitions/audit", changed)).data).toMatchObject({
      input_fields: [],
    })
    const { data: after } = await call("GET", "/api/v1/flows/counted")
    expect(after.plan_hash).toBe(before.plan_hash)
    const params = { pay: { user_id: "u", amount: "7", order_id: "o" } }
    await call("POST", "/api/v1/transactions", { instance_id: "counted_2", flow_id: "counted", params })
    await reaches("counted_2", "success")
    expect(rpcs("audit", "true")).toHaveLength(2)
    expect((await call("DELETE", "/api/v1/task-definitions/audit")).data.deleted).toBe(true)
    expect((await call("GET", "/api/v1/task-definitions/audit")).status).toBe(404)
  })

  test("the built-in definitions are there, and give way to one's own", async () => {
    const { data } = await call("GET", "/api/v1/task-definitions")
    const builtIn = data.list.filter(({ built_in }: { built_in: boolean }) => built_in)
    expect(builtIn.map(({ name }: { name: string }) => name)).toEqual([
      "deduct",
      "deduct_inventory",
      "notify",
      "http_request",
      "db",
    ])
    expect((await call("DELETE", "/api/v1/task-definitions/notify")).json.error).toBe(
      "task_definition_built_in",
    )
    const own = { name: "notify", type: "mq", config: { topic: "own" } }
    expect((await call("POST", "/api/v1/task-definitions", own)).data).toMatchObject({ built_in: false })
    expect((await call("POST", "/api/v1/task-definitions", own)).json.error).toBe("task_definition_exists")
    expect((await call("GET", "/api/v1/task-definitions/notify")).data.config).toEqual({ topic: "own" })
    await call("DELETE", "/api/v1/task-definitions/notify")
    expect((await call("GET", "/api/v1/task-definitions/notify")).data.built_in).toBe(true)
  })

  test("all problems of a definition come in one answer", async () => {
    const wrong = { name: "rpc", type: "soap", input_fields: [{ name: "a", type: "integer" }], more: 1 }
    const { status, json } = await call("POST", "/api/v1/task-definitions", wrong)
    expect([status, json.error]).toEqual([422, "task_definition_invalid"])
    expect(json.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual([
      "/name",
      "/type",
      "/input_fields/0/type",
      "/more",
    ])
  })
})

describe("statistics", () => {
  test("GET /stats/overview", async () => {
    const { json } = await call("GET", "/api/v1/stats/overview")
    expect(json).toMatchObject({
      code: 0,
      data: {
        total_transactions: expect.any(Number) as number,
        success_rate: expect.any(Number) as number,
        avg_duration: expect.any(Number) as number,
        exceptions_today: expect.any(Number) as number,
      },
    })
    expect(json.data.success_rate).toBeGreaterThan(0)
    expect(json.data.success_rate).toBeLessThan(1)
    expect(json.data.total_transactions).toBeGreaterThan(json.data.success_count)
  })

  test("GET /stats/flows/{id}", async () => {
    const { data } = await call("GET", "/api/v1/stats/flows/manual_flow")
    expect(data).toMatchObject({
      flow_id: expect.any(String) as string,
      total_runs: 2,
      success_count: 1,
      failed_count: 0,
      ended_count: 2,
      success_rate: 0.5,
    })
    expect(data.p50).toBeGreaterThan(0)
    expect(data.p95).toBeGreaterThanOrEqual(data.p50)
  })
})

test.each([
  ["GET", "/api/v1/flows/nowhere"],
  ["GET", "/api/v1/transactions/nowhere"],
  ["GET", "/api/v1/transactions/nowhere/logs"],
  ["GET", "/api/v1/transactions/nowhere/timeline"],
  ["GET", "/api/v1/exceptions/999999"],
  ["GET", "/api/v1/stats/flows/nowhere"],
  ["POST", "/api/v1/transactions/nowhere/retry"],
  ["POST", "/api/v1/flows/nowhere/deactivate"],
])("%s %s is 404", async (method, path) => {
  const { status, json } = await call(method, path)
  expect([status, json.code, json.data]).toEqual([404, 404, null])
})
