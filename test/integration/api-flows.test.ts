import type { Pool, PoolClient } from "pg"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { createApp } from "../../src/api/app.ts"
import { type ApiRig, startApiRig } from "../helpers/api-rig.ts"

let rig: ApiRig

beforeAll(async () => {
  rig = await startApiRig({
    connections: [{ name: "shop", kind: "http" }],
    addressPolicy: { allowLoopback: false },
  })
})
afterAll(() => rig.stop())

let names = 0
function flowNamed(name = `flow_${++names}`, url = "/orders") {
  return {
    name,
    tasks: [{ id: "ship", task_name: "http", description: "Book it", config: { url, connection: "shop" } }],
  }
}

describe("POST /api/v1/flows", () => {
  test("publishes a definition nested in a request", async () => {
    const definition = flowNamed("订单流程")
    const answer = await rig.call("POST", "/api/v1/flows", {
      body: {
        name: "订单流程",
        description: "订单处理流程",
        flow_type: "order",
        definition,
        create_user: "admin",
      },
    })
    expect(answer.status).toBe(201)
    expect(answer.json).toMatchObject({ code: 0, message: "success" })
    expect(answer.data).toMatchObject({
      name: "订单流程",
      description: "订单处理流程",
      flow_type: "order",
      version: 1,
      is_active: true,
      create_user: "admin",
      updated_user: "admin",
      definition,
    })
    expect(answer.data.plan_hash).toMatch(/^[0-9a-f]{64}$/)
    expect(answer.headers.get("location")).toBe(`/api/v1/flows/${answer.data.id}`)
    const read = await rig.call("GET", `/api/v1/flows/${encodeURIComponent("订单流程")}`)
    expect(read.data).toEqual(answer.data)
    expect((await rig.call("GET", answer.headers.get("location")!)).data).toEqual(answer.data)
  })

  test("returns a JSON string as it was sent, spaces and all", async () => {
    const definition = ` ${JSON.stringify(flowNamed("as_text"), null, 3)} `
    const answer = await rig.call("POST", "/api/v1/flows", { body: { name: "as_text", definition } })
    expect(answer.status).toBe(201)
    expect((await rig.call("GET", "/api/v1/flows/as_text")).data.definition).toBe(definition)
  })

  test("takes a body with tasks as the definition itself", async () => {
    const definition = { ...flowNamed(), description: "Ships", dsl: "1" }
    const answer = await rig.call("POST", "/api/v1/flows", {
      body: { ...definition, flow_type: "x", create_user: "me" },
    })
    expect(answer.status).toBe(201)
    expect(answer.data).toMatchObject({ definition, description: "Ships", flow_type: "x", create_user: "me" })
  })

  test("returns members in the order in which they were sent", async () => {
    const { name, tasks } = flowNamed()
    const definition = { tasks, dsl: "1", description: "z", name }
    for (const body of [definition, { definition }]) {
      const { data } = await rig.call("POST", "/api/v1/flows", { body })
      expect(JSON.stringify(data.definition)).toBe(JSON.stringify(definition))
    }
  })

  test("lets the outer name name a definition without one", async () => {
    const { name, ...definition } = flowNamed()
    const answer = await rig.call("POST", "/api/v1/flows", { body: { name, definition } })
    expect(answer.status).toBe(201)
    expect(answer.data.name).toBe(name)
    expect(answer.data.definition).toEqual(definition)
  })

  test("refuses two different names", async () => {
    const answer = await rig.call("POST", "/api/v1/flows", {
      body: { name: "one", definition: flowNamed("two") },
    })
    expect(answer.status).toBe(422)
    expect(answer.json).toMatchObject({ error: "name_mismatch", errors: [{ pointer: "/definition/name" }] })
  })

  test("refuses a body that is neither form", async () => {
    const neither = await rig.call("POST", "/api/v1/flows", { body: { name: "x" } })
    expect(neither.json).toMatchObject({
      status: 400,
      errors: [{ pointer: "/definition", code: "required" }],
    })
    const extra = await rig.call("POST", "/api/v1/flows", {
      body: { definition: flowNamed(), descriptoin: "x" },
    })
    expect(extra.json).toMatchObject({ status: 400, errors: [{ pointer: "/descriptoin" }] })
  })

  test("names every problem at its place in the request", async () => {
    const tasks = [
      { id: "a", task_name: "http", config: { url: "/x", connection: "shop" }, depends_on: ["nowhere"] },
      {
        id: "b",
        task_name: "http",
        config: { url: "${ params.host }", connection: "shop" },
        retry: { max_attempts: 0 },
      },
    ]
    const nested = await rig.call("POST", "/api/v1/flows", {
      body: { name: "broken", definition: { tasks } },
    })
    expect(nested.status).toBe(422)
    expect(nested.json.error).toBe("flow_invalid")
    const pointers = nested.json.errors.map(({ pointer }: { pointer: string }) => pointer)
    expect(pointers).toContain("/definition/tasks/0/depends_on/0")
    expect(pointers).toContain("/definition/tasks/1/retry/max_attempts")
    const bare = await rig.call("POST", "/api/v1/flows", { body: { name: "broken", tasks } })
    expect(bare.json.errors.map(({ pointer }: { pointer: string }) => `/definition${pointer}`)).toEqual(
      pointers,
    )
    const text = await rig.call("POST", "/api/v1/flows", {
      body: { name: "broken", definition: JSON.stringify({ tasks }) },
    })
    expect(text.json.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(pointers)
    expect((await rig.call("GET", "/api/v1/flows/broken")).status).toBe(404)
  })

  test("says of text that is no JSON where it breaks", async () => {
    const answer = await rig.call("POST", "/api/v1/flows", {
      body: { name: "x", definition: '{"tasks": [,]}' },
    })
    expect(answer.json).toMatchObject({
      error: "flow_invalid",
      errors: [{ pointer: "/definition", code: "malformed_json" }],
    })
  })

  test("answers a repeat of the same plan with the flow that is there, another plan with 409", async () => {
    const definition = flowNamed()
    const first = await rig.call("POST", "/api/v1/flows", { body: { definition } })
    const again = await rig.call("POST", "/api/v1/flows", { body: { definition } })
    expect(again.status).toBe(200)
    expect(again.headers.get("idempotency-replayed")).toBe("true")
    expect(again.data).toEqual(first.data)
    const other = await rig.call("POST", "/api/v1/flows", {
      body: { definition: flowNamed(definition.name, "/other") },
    })
    expect(other.json).toMatchObject({ status: 409, error: "flow_exists" })
    const schema = { ...definition, params_schema: { type: "object", required: ["x"] } }
    expect((await rig.call("POST", "/api/v1/flows", { body: { definition: schema } })).json.error).toBe(
      "flow_exists",
    )
  })

  test("makes one flow of twenty publishes at once", async () => {
    const definition = flowNamed()
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => rig.call("POST", "/api/v1/flows", { body: { definition } })),
    )
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(19)
    expect(new Set(answers.map(({ data }) => data.id)).size).toBe(1)
  })

  test("judges with dry_run and stores nothing", async () => {
    const definition = flowNamed()
    const answer = await rig.call("POST", "/api/v1/flows?dry_run=true", { body: { definition } })
    expect(answer.status).toBe(200)
    expect(answer.data).toMatchObject({ valid: true, name: definition.name, warnings: expect.any(Array) })
    expect((await rig.call("GET", `/api/v1/flows/${definition.name}`)).status).toBe(404)
    await rig.call("POST", "/api/v1/flows", { body: { definition } })
    const clash = await rig.call("POST", "/api/v1/flows?dry_run=true", {
      body: { definition: flowNamed(definition.name, "/other") },
    })
    expect(clash.json.error).toBe("flow_exists")
  })

  test("carries warnings, with pointers into the answer", async () => {
    const definition = {
      name: `flow_${++names}`,
      tasks: [{ id: "s", task_name: "shipping", config: { url: "/x", connection: "shop" } }],
    }
    const answer = await rig.call("POST", "/api/v1/flows", { body: { definition } })
    expect(answer.data.warnings).toMatchObject([
      { pointer: "/definition/tasks/0/task_name", code: "task_name_inferred" },
    ])
    expect((await rig.call("GET", `/api/v1/flows/${definition.name}`)).data.warnings).toEqual(
      answer.data.warnings,
    )
  })

  test("refuses a guarded address at publish", async () => {
    for (const url of [
      "http://127.0.0.1/x",
      "http://[::1]:80/",
      "http://169.254.169.254/latest",
      "http://2130706433/",
    ]) {
      const definition = { name: "ssrf", tasks: [{ id: "a", task_name: "http", config: { url } }] }
      const answer = await rig.call("POST", "/api/v1/flows", { body: { definition } })
      expect(answer.json, url).toMatchObject({
        error: "flow_invalid",
        errors: [{ pointer: "/definition/tasks/0/config/url", code: "address_guarded" }],
      })
    }
  })
})

describe("POST /api/v1/flows/validate", () => {
  test("judges and stores nothing", async () => {
    const definition = flowNamed()
    const answer = await rig.call("POST", "/api/v1/flows/validate", { body: definition })
    expect(answer.data).toMatchObject({ valid: true, name: definition.name })
    const broken = await rig.call("POST", "/api/v1/flows/validate", {
      body: { name: "x", tasks: [{ id: "a" }] },
    })
    expect(broken.json).toMatchObject({
      status: 422,
      error: "flow_invalid",
      errors: [{ pointer: "/tasks/0/task_name" }],
    })
    expect((await rig.call("GET", `/api/v1/flows/${definition.name}`)).status).toBe(404)
  })
})

describe("PUT /api/v1/flows/{id}", () => {
  test("adds a version for another plan, none for the same", async () => {
    const definition = flowNamed()
    const created = await rig.call("POST", "/api/v1/flows", { body: { definition, flow_type: "t" } })
    const path = `/api/v1/flows/${created.data.id}`
    const next = flowNamed(definition.name, "/v2")
    const replaced = await rig.call("PUT", path, { body: { definition: next, updated_user: "bo" } })
    expect(replaced.status).toBe(200)
    expect(replaced.data).toMatchObject({
      id: created.data.id,
      version: 2,
      definition: next,
      flow_type: "t",
      updated_user: "bo",
    })
    expect(replaced.data.plan_hash).not.toBe(created.data.plan_hash)
    const same = await rig.call("PUT", path, { body: { definition: next, description: "now described" } })
    expect(same.data).toMatchObject({ version: 2, description: "now described" })
    const schema = { ...next, params_schema: { type: "object" } }
    expect((await rig.call("PUT", path, { body: { definition: schema } })).data).toMatchObject({ version: 3 })
    const { rows } = await rig.pool.query("select version from flow_version where flow_id = $1 order by 1", [
      created.data.id,
    ])
    expect(rows).toEqual([{ version: 1 }, { version: 2 }, { version: 3 }])
  })

  test("takes what GET answered, edited", async () => {
    const created = await rig.call("POST", "/api/v1/flows", { body: { definition: flowNamed() } })
    const read = await rig.call("GET", `/api/v1/flows/${created.data.id}`)
    const edited = { ...read.data, description: "edited" }
    const answer = await rig.call("PUT", `/api/v1/flows/${created.data.id}`, { body: edited })
    expect(answer.data).toMatchObject({ description: "edited", version: 1 })
  })

  test("keeps the flow's name", async () => {
    const definition = flowNamed()
    await rig.call("POST", "/api/v1/flows", { body: { definition } })
    const path = `/api/v1/flows/${definition.name}`
    for (const body of [
      { definition: flowNamed("renamed") },
      { name: "renamed", definition: { tasks: definition.tasks } },
    ]) {
      expect((await rig.call("PUT", path, { body })).json).toMatchObject({
        status: 422,
        error: "name_mismatch",
      })
    }
    expect((await rig.call("PUT", path, { body: { definition: { tasks: definition.tasks } } })).status).toBe(
      200,
    )
  })

  test("honours If-Match", async () => {
    const definition = flowNamed()
    const created = await rig.call("POST", "/api/v1/flows", { body: { definition } })
    const path = `/api/v1/flows/${created.data.id}`
    const etag = created.headers.get("etag")!
    expect((await rig.call("GET", path)).headers.get("etag")).toBe(etag)
    expect((await rig.call("GET", path, { headers: { "if-none-match": etag } })).status).toBe(304)
    const version = await rig.call("GET", `${path}/versions/1`)
    const headers = { "if-none-match": version.headers.get("etag")! }
    expect((await rig.call("GET", `${path}/versions/1`, { headers })).status).toBe(304)
    const body = { definition: flowNamed(definition.name, "/v2") }
    const first = await rig.call("PUT", path, { body, headers: { "if-match": etag } })
    expect(first.status).toBe(200)
    expect(first.headers.get("etag")).not.toBe(etag)
    const stale = await rig.call("PUT", path, { body, headers: { "if-match": etag } })
    expect(stale.json).toMatchObject({ status: 412, error: "precondition_failed" })
    expect((await rig.call("GET", path, { headers: { "if-none-match": etag } })).status).toBe(200)
    // It is no longer the current one, and says so.
    expect((await rig.call("GET", `${path}/versions/1`, { headers })).status).toBe(200)
  })

  test("lets one of several changes with the same If-Match through", async () => {
    const definition = flowNamed()
    const created = await rig.call("POST", "/api/v1/flows", { body: { definition } })
    const headers = { "if-match": created.headers.get("etag")! }
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        rig.call("PUT", `/api/v1/flows/${created.data.id}`, {
          body: { definition: flowNamed(definition.name, `/v${index}`) },
          headers,
        }),
      ),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 412)).toHaveLength(7)
    expect((await rig.call("GET", `/api/v1/flows/${created.data.id}`)).data.version).toBe(2)
  })

  test("numbers versions without a gap when many change it at once", async () => {
    const definition = flowNamed()
    const created = await rig.call("POST", "/api/v1/flows", { body: { definition } })
    const answers = await Promise.all(
      Array.from({ length: 4 }, (_, index) =>
        rig.call("PUT", `/api/v1/flows/${created.data.id}`, {
          body: { definition: flowNamed(definition.name, `/v${index}`) },
        }),
      ),
    )
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    // Each is answered with what it stored, not with what another stored after it.
    expect(answers.map(({ data }) => data.definition.tasks[0].config.url)).toEqual([
      "/v0",
      "/v1",
      "/v2",
      "/v3",
    ])
    expect(new Set(answers.map(({ data }) => data.version))).toEqual(new Set([2, 3, 4, 5]))
    const { rows } = await rig.pool.query("select version from flow_version where flow_id = $1 order by 1", [
      created.data.id,
    ])
    expect(rows.map(({ version }: { version: number }) => version)).toEqual([1, 2, 3, 4, 5])
  })
})

describe("a flow that another changes right after it was stored", () => {
  /** The app over a pool that answers the commit of `statement` late: after another caller's PUT. */
  function slowApp(statement: RegExp, name: string) {
    let overtaken = false
    const connect = async () => {
      const client = await rig.pool.connect()
      let isStored = false
      const query = async (text: string, values?: unknown[]) => {
        const result = await client.query(text, values)
        isStored ||= statement.test(text)
        if (!overtaken && isStored && text === "commit") {
          overtaken = true
          const other = { body: { definition: flowNamed(name, "/theirs") } }
          expect((await rig.call("PUT", `/api/v1/flows/${name}`, other)).status).toBe(200)
        }
        return result
      }
      // Everything but `query` is the client's own.
      return Object.assign(Object.create(client) as PoolClient, { query })
    }
    // Everything but `connect` is the pool's own, and its `query` does not go by this `connect`.
    const pool = Object.assign(Object.create(rig.pool) as Pool, {
      connect,
      query: rig.pool.query.bind(rig.pool),
    })
    return createApp({ ...rig.dependencies, pool })
  }

  const send = (definition: object) => ({
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ definition }),
  })

  test("is answered to its creator as it was created", async () => {
    const mine = flowNamed(undefined, "/mine")
    const answer = await slowApp(/insert into flow/, mine.name).request("/api/v1/flows", {
      method: "POST",
      ...send(mine),
    })
    expect(answer.status).toBe(201)
    expect(await answer.json()).toMatchObject({ data: { version: 1, definition: mine } })
  })

  test.each([
    ["with its new version", "/changed", 2],
    ["with the version it kept", "/mine", 1],
  ])("is answered to its editor %s", async (_name, url, version) => {
    const mine = flowNamed(undefined, "/mine")
    const path = `/api/v1/flows/${mine.name}`
    await rig.call("POST", "/api/v1/flows", { body: { definition: mine } })
    const edited = flowNamed(mine.name, url)
    const answer = await slowApp(/update flow/, mine.name).request(path, { method: "PUT", ...send(edited) })
    expect(await answer.json()).toMatchObject({ data: { version, definition: edited } })
    expect((await rig.call("GET", path)).data.version).toBe(version + 1)
  })
})

describe("GET /api/v1/flows", () => {
  test("pages with a total as S1 does, and with a cursor", async () => {
    const flowType = `list_${++names}`
    for (let index = 0; index < 5; index++) {
      await rig.call("POST", "/api/v1/flows", { body: { definition: flowNamed(), flow_type: flowType } })
    }
    const page = await rig.call("GET", `/api/v1/flows?flow_type=${flowType}&page=2&page_size=2`)
    expect(page.data.pagination).toEqual({ page: 2, page_size: 2, total: 5 })
    expect(page.data.list).toHaveLength(2)
    expect(page.data).not.toHaveProperty("next_cursor")
    const whole = await rig.call("GET", `/api/v1/flows?flow_type=${flowType}`)
    expect(whole.data.pagination).toEqual({ page: 1, page_size: 20, total: 5 })
    const seen: unknown[] = []
    for (let cursor: string | null = ""; cursor !== null;) {
      const query = cursor === "" ? "" : `&cursor=${cursor}`
      const { data } = await rig.call("GET", `/api/v1/flows?flow_type=${flowType}&limit=2${query}`)
      seen.push(...data.list)
      cursor = data.next_cursor
    }
    expect(seen).toEqual(whole.data.list)
  })
})
