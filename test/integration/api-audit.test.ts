/** What is changed through the API is in the audit trail, once, in the same breath, and with no secret. */
import { randomUUID } from "node:crypto"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { createMask } from "../../src/masking/mask.ts"
import { createApp } from "../../src/api/app.ts"
import type { AuditRow } from "../../src/store/queries/list-audit.ts"
import { verifyChains } from "../../src/store/audit/verify-chains.ts"
import { createApiKey } from "../../src/store/queries/create-api-key.ts"
import { insertAuditRow } from "../../src/store/queries/insert-audit-row.ts"
import { type ApiRig, type CallOptions, startApiRig } from "../helpers/api-rig.ts"

let rig: ApiRig

beforeAll(async () => {
  rig = await startApiRig({ auth: "keys" })
})
afterAll(() => rig.stop())

/** A tenant of its own, as its admin. */
async function asAdmin(tenant: string) {
  const { key } = await createApiKey(rig.pool, { tenant, name: "ann", scopes: [], role: "admin", days: 1 })
  const call = (method: string, path: string, options: CallOptions = {}) =>
    rig.call(method, `/api/v1${path}`, { ...options, key })
  const done = async (method: string, path: string, options: CallOptions = {}) => {
    const answer = await call(method, path, options)
    expect(answer.status, answer.text).toBeLessThan(300)
    return answer
  }
  const rows = async (query = ""): Promise<AuditRow[]> =>
    (await done("GET", `/audit?limit=200${query}`)).data.list.toReversed()
  return { call, done, rows }
}

const flow = (url: string) => ({
  name: "order",
  tasks: [{ id: "a", task_name: "http", config: { url, method: "GET" } }],
})
const shop = { name: "shop", kind: "http", base_url: "https://shop.example" }

describe("changes through the API", () => {
  test("of flows have one row each, and what changes nothing has none", async () => {
    const { call, done, rows } = await asAdmin("flows")
    const key = randomUUID()
    await done("POST", "/flows", { body: flow("https://a.example/1"), headers: { "idempotency-key": key } })
    await done("POST", "/flows", { body: flow("https://a.example/1"), headers: { "idempotency-key": key } })
    await done("POST", "/flows", { body: flow("https://a.example/1") })
    await done("POST", "/flows?dry_run=true", { body: { ...flow("https://a.example/1"), name: "dry" } })
    expect((await call("POST", "/flows", { body: flow("https://a.example/2") })).status).toBe(409)
    await done("PUT", "/flows/order", { body: flow("https://a.example/2") })
    await done("POST", "/flows/order/deactivate")
    await done("POST", "/flows/order/deactivate")
    await done("POST", "/flows/order/activate")
    await done("DELETE", "/flows/order")
    expect((await call("DELETE", "/flows/order")).status).toBe(404)
    const found = await rows()
    expect(
      found.map(({ action, subject, before, after }) => ({ action, subject, before, after })),
    ).toMatchObject([
      { action: "flow.publish", subject: "order", before: null, after: { version: 1, is_active: true } },
      { action: "flow.publish", subject: "order", before: { version: 1 }, after: { version: 2 } },
      { action: "flow.deactivate", before: { is_active: true }, after: { is_active: false } },
      { action: "flow.activate", before: { is_active: false }, after: { is_active: true } },
      { action: "flow.delete", subject: "order", before: { version: 2 }, after: null },
    ])
    expect(found).toHaveLength(5)
    expect(found[0]).toMatchObject({ seq: 1, actor: "ann", roles: ["admin"], update_id: key })
  })

  test("of a flow that an administrator publishes in spite of a problem say so", async () => {
    const { done, call, rows } = await asAdmin("overriding")
    const body = {
      name: "risky",
      tasks: [
        { id: "ship", task_name: "http", pivot: true, config: { url: "https://a.example/1" } },
        { id: "pay", task_name: "http", depends_on: ["ship"], config: { url: "https://a.example/2" } },
      ],
    }
    expect((await call("POST", "/flows", { body })).json.errors[0].code).toBe("irreversible_before_fallible")
    expect((await call("POST", "/flows?override=cycle", { body })).status).toBe(400)
    const { key: editor } = await createApiKey(rig.pool, {
      tenant: "overriding",
      name: "eve",
      scopes: [],
      role: "editor",
      days: 1,
    })
    const override = "irreversible_before_fallible"
    const path = `/api/v1/flows?override=${override}`
    expect((await rig.call("POST", path, { body, key: editor })).json).toMatchObject({ error: "forbidden" })
    const published = await done("POST", `/flows?override=${override}`, { body })
    expect(published.data.warnings).toMatchObject([{ code: override, pointer: "/definition/tasks/0" }])
    const next = { ...body, description: "again", tasks: body.tasks.map((one) => ({ ...one, priority: 3 })) }
    expect((await call("PUT", "/flows/risky", { body: next })).status).toBe(422)
    await done("PUT", `/flows/risky?override=${override}`, { body: next })
    expect(await rows()).toMatchObject([
      { action: "flow.publish", subject: "risky", after: { version: 1, overrides: [override] } },
      { action: "flow.publish", subject: "risky", after: { version: 2, overrides: [override] } },
    ])
  })

  test("of task definitions have one row each, without what is named like a secret", async () => {
    const { done, rows } = await asAdmin("definitions")
    const body = {
      name: "charge",
      type: "http",
      config: {
        url: "https://a.example/",
        method: "GET",
        headers: { "x-note": "n", authorization: "Basic not-for-the-record" },
      },
    }
    await done("POST", "/task-definitions", { body })
    await done("PUT", "/task-definitions/charge", { body: { ...body, description: "new" } })
    await done("DELETE", "/task-definitions/charge")
    const found = await rows()
    expect(
      found.map(({ action, subject, before, after }) => ({ action, subject, before, after })),
    ).toMatchObject([
      { action: "task_definition.create", subject: "charge", before: null, after: { description: "" } },
      { action: "task_definition.replace", before: { description: "" }, after: { description: "new" } },
      { action: "task_definition.delete", before: { description: "new" }, after: null },
    ])
    expect(JSON.stringify(found)).not.toContain("not-for-the-record")
    expect(JSON.stringify(found)).toContain("x-note")
  })

  test("of connections, secrets and keys have one row each, and no value of a secret", async () => {
    const { call, done, rows } = await asAdmin("settings")
    await done("POST", "/connections", { body: shop })
    expect((await call("POST", "/connections", { body: shop })).status).toBe(409)
    await done("PUT", "/connections/shop", {
      body: { ...shop, headers: { authorization: { secret: "key" } } },
    })
    await done("DELETE", "/connections/shop")
    await done("POST", "/secrets", { body: { name: "key", value: "planted-value-1" } })
    await done("POST", "/secrets", { body: { name: "key", value: "planted-value-2" } })
    await done("DELETE", "/secrets/key")
    const created = await done("POST", "/keys", { body: { name: "ci", role: "viewer" } })
    const { id, key } = created.data
    await done("DELETE", `/keys/${id}`)
    await done("DELETE", `/keys/${id}`)
    const found = await rows()
    expect(
      found.map(({ action, subject, before, after }) => ({ action, subject, before, after })),
    ).toMatchObject([
      { action: "connection.create", subject: "shop", before: null, after: { settings: shop } },
      {
        action: "connection.replace",
        before: { settings: shop },
        after: { settings: { headers: { authorization: { secret: "key" } } } },
      },
      { action: "connection.delete", after: null },
      { action: "secret.save", subject: "key", before: null },
      { action: "secret.save", subject: "key", before: { stored: true } },
      { action: "secret.delete", subject: "key", after: null },
      { action: "key.create", subject: id, after: { name: "ci", role: "viewer" } },
      { action: "key.revoke", subject: id, before: { name: "ci" }, after: { revoked: true } },
    ])
    expect(found).toHaveLength(8)
    const text = JSON.stringify(found)
    expect(text).not.toContain("planted-value")
    expect(text).not.toContain(key.split("_")[2])
  })

  test("of exceptions say who handled them, without what the flow hides", async () => {
    const { call, done, rows } = await asAdmin("exceptions")
    await done("POST", "/flows", { body: { ...flow("https://a.example/"), mask: ["/params/card"] } })
    await done("POST", "/transactions", {
      body: { instance_id: "order_1", flow_id: "order", params: { card: "4111 1111" } },
    })
    const { rows: planted } = await rig.pool.query<{ id: number }>(
      `insert into exception (tenant_id, instance_id, path, operation, generation, kind, severity, state, code, message,
                              outcome, occurrence, retry_safe, retry_safe_reason, suggested_actions, occurred_at,
                              resets, chain, seq)
       values ('exceptions', 'order_1', 'a', 'do', 1, 'rejected', 'error', 'open', 'HTTP_409', 'no', 'rejected', 1,
               false, '', '{}', now(), 0, 0, 1)
       returning id`,
    )
    const path = `/exceptions/${planted[0]?.id}/handle`
    await done("POST", path, {
      body: { remark: "refunded to 4111 1111" },
      headers: { "idempotency-key": "h-1" },
    })
    await done("POST", path)
    expect((await call("POST", "/exceptions/999999/handle")).status).toBe(404)
    expect(await rows("&action=exception.handle")).toMatchObject([
      {
        instance_id: "order_1",
        subject: String(planted[0]?.id),
        actor: "ann",
        roles: ["admin"],
        reason: "refunded to [redacted]",
        before: { handled: false, handled_by: null },
        after: { handled: true },
        update_id: "h-1",
      },
      { reason: null, before: { handled: true, handled_by: "ann" }, after: { handled: true } },
    ])
    expect(await rows()).toHaveLength(3)
  })

  test("are stored without the secrets that this process has read", async () => {
    const mask = createMask()
    mask.learn("read-by-a-call")
    const app = createApp({ ...rig.dependencies, mask })
    const { key } = await createApiKey(rig.pool, {
      tenant: "masked",
      name: "ann",
      scopes: [],
      role: "admin",
      days: 1,
    })
    const response = await app.request("/api/v1/flows", {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ ...flow("https://a.example/"), description: "with read-by-a-call" }),
    })
    expect(response.status).toBe(201)
    const { rows } = await rig.pool.query("select after from audit where tenant_id = 'masked'")
    expect(rows).toMatchObject([{ after: { description: "with [redacted]" } }])
  })

  test("are not made where their row cannot be stored", async () => {
    const { call, done } = await asAdmin("atomic")
    await rig.pool.query("alter table audit add constraint refuse check (tenant_id <> 'atomic') not valid")
    try {
      const requests = [
        ["POST", "/flows", flow("https://a.example/")],
        ["POST", "/connections", shop],
        ["POST", "/secrets", { name: "key", value: "planted-value" }],
        ["POST", "/keys", { name: "ci", role: "viewer" }],
        ["POST", "/task-definitions", { name: "charge", type: "http" }],
      ] as const
      for (const [method, path, body] of requests)
        expect((await call(method, path, { body })).status, path).toBe(500)
      for (const path of ["/flows", "/connections", "/secrets"])
        expect((await done("GET", path)).data.list, path).toEqual([])
      expect((await done("GET", "/keys")).data.list).toHaveLength(1)
      expect((await call("GET", "/task-definitions/charge")).status).toBe(404)
    } finally {
      await rig.pool.query("alter table audit drop constraint refuse")
    }
  })

  test("make chains that are in order", async () => {
    const chains = await verifyChains(rig.pool)
    expect(chains.map(({ tenant, broken }) => [tenant, broken])).toEqual(
      ["definitions", "exceptions", "flows", "masked", "overriding", "settings"].map((tenant) => [
        tenant,
        null,
      ]),
    )
  })
})

describe("GET /api/v1/audit", () => {
  test("is for admins", async () => {
    for (const role of ["viewer", "operator", "approver", "editor"]) {
      const { key } = await createApiKey(rig.pool, { tenant: "list", name: role, scopes: [], role, days: 1 })
      expect((await rig.call("GET", "/api/v1/audit", { key })).status, role).toBe(403)
    }
  })

  test("filters, and goes on by a cursor", async () => {
    const { done, rows } = await asAdmin("list")
    for (const [at, actor] of ["ann", "bob", "ann", "carl", "ann"].entries())
      await insertAuditRow(rig.pool, {
        tenant: "list",
        actor,
        roles: [],
        update_id: null,
        action: at % 2 === 0 ? "flow.activate" : "flow.deactivate",
        subject: `flow-${at}`,
        before: null,
        after: null,
      })
    await rig.pool.query(
      `insert into audit (tenant_id, at, actor, roles, action, instance_id) values
         ('list', '2026-01-01', 'temporal', '{}', 'retry', 'order_1'), ('list', '2026-01-02', 'ann', '{}', 'skip', 'order_2')`,
    )
    const seqs = async (query: string) => (await rows(query)).map(({ seq }) => seq)
    expect(await seqs("")).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(await seqs("&actor=ann")).toEqual([1, 3, 5, 7])
    expect(await seqs("&action=flow.deactivate")).toEqual([2, 4])
    expect(await seqs("&transaction=order_1")).toEqual([6])
    expect(await seqs("&until=2026-01-02T00:00:00Z")).toEqual([6])
    expect(await seqs("&since=2026-01-02T00:00:00Z&until=2026-01-03T01:00:00%2B01:00")).toEqual([7])
    expect(await seqs("&since=0000-01-01T00:00:00Z&until=9999-12-31T23:59:59Z")).toHaveLength(7)
    const found: number[] = []
    let cursor = ""
    for (let page = 0; page < 4; page++) {
      const { data } = await done("GET", `/audit?limit=2${cursor}`)
      found.push(...data.list.map(({ seq }: AuditRow) => seq))
      cursor = `&cursor=${data.next_cursor}`
      expect(data.next_cursor === null).toBe(page === 3)
    }
    expect(found).toEqual([7, 6, 5, 4, 3, 2, 1])
    expect((await done("GET", "/audit?page_size=2&page=2")).data).toMatchObject({
      list: [{ seq: 5 }, { seq: 4 }],
      pagination: { total: 7 },
    })
  })

  test("answers what the hash is made of", async () => {
    const { rows } = await asAdmin("list")
    const [first, second] = await rows()
    expect(first).toMatchObject({
      seq: 1,
      prev_hash: "0".repeat(64),
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
    expect(second?.prev_hash).toBe(first?.hash)
  })
})
