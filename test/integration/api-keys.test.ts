import { randomUUID } from "node:crypto"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { createApp } from "../../src/api/app.ts"
import { createApiKey } from "../../src/store/queries/create-api-key.ts"
import { type ApiRig, startApiRig } from "../helpers/api-rig.ts"
import { until } from "../helpers/until.ts"

let rig: ApiRig
let admin: string

beforeAll(async () => {
  rig = await startApiRig({ auth: "keys" })
  admin = await rig.key({ name: "admin" })
})
afterAll(() => rig.stop())

function create(body: object, headers: Record<string, string> = {}) {
  return rig.call("POST", "/api/v1/keys", { body, key: admin, headers })
}

describe("API keys", () => {
  test("are shown once and stored as a hash", async () => {
    const created = await create({ name: "ci", scopes: ["flows:read"], days: 30 })
    expect(created.status).toBe(201)
    expect(created.data.key).toMatch(/^hf_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}_[0-9a-f]{8}$/)
    expect(created.data.key).toContain(created.data.id)
    const days = (Date.parse(created.data.expires_at) - Date.parse(created.data.created_at)) / 86_400_000
    expect(days).toBeCloseTo(30, 1)
    expect((await rig.call("GET", "/api/v1/flows", { key: created.data.key })).status).toBe(200)
    const list = await rig.call("GET", "/api/v1/keys", { key: admin })
    expect(list.text).not.toContain(created.data.key)
    const secret = created.data.key.split("_")[2]
    expect(await dump()).not.toContain(secret)
  })

  test("do not lie in the answers kept for an Idempotency-Key", async () => {
    const headers = { "idempotency-key": randomUUID() }
    const first = await create({ name: "once", scopes: ["flows:read"] }, headers)
    const again = await create({ name: "once", scopes: ["flows:read"] }, headers)
    expect(again.status).toBe(200)
    expect(again.data).toEqual({ ...first.data, key: null })
    expect(await dump()).not.toContain(first.data.key.split("_")[2])
  })

  test("hand on no more than they have", async () => {
    const limited = await rig.key({ scopes: ["keys:admin", "flows:read"] })
    const body = { name: "more", scopes: ["flows:read", "flows:write"] }
    const answer = await rig.call("POST", "/api/v1/keys", { body, key: limited })
    expect(answer.json).toMatchObject({ status: 403, error: "forbidden" })
    expect(answer.json.detail).toContain("flows:write")
  })

  test.each([0, 366, 1.5, "30"])("do not live %j days", async (days) => {
    expect((await create({ name: "x", scopes: ["flows:read"], days })).status).toBe(400)
    if (typeof days === "number") {
      await expect(createApiKey(rig.pool, { tenant: "t", name: "x", scopes: [], days })).rejects.toThrow(
        RangeError,
      )
    }
  })

  test("are refused by every process within five seconds of their revocation", async () => {
    const { key, id } = (await create({ name: "leaked", scopes: ["flows:read"] })).data
    const other = createApp(rig.dependencies)
    const ask = async () =>
      (await other.request("/api/v1/flows", { headers: { authorization: `Bearer ${key}` } })).status
    expect(await ask()).toBe(200)
    const revoked = await rig.call("DELETE", `/api/v1/keys/${id}`, { key: admin })
    expect(revoked.data).toMatchObject({ id, revoked_at: expect.any(String) })
    await until(ask, (status) => status === 401, { timeoutMs: 5_000 })
    const again = await rig.call("DELETE", `/api/v1/keys/${id}`, { key: admin })
    expect(again.data).toEqual(revoked.data)
  })

  test("are the actor of what is done with them, and show when they were used", async () => {
    const key = await rig.key({ name: "张三" })
    await rig.call("POST", "/api/v1/flows", { body: { name: "by_key", tasks: [] }, key })
    const { rows } = await until(
      () => rig.pool.query("select last_used_at from api_key where name = '张三'"),
      ({ rows }) => rows[0].last_used_at !== null,
    )
    expect(Date.now() - rows[0].last_used_at.getTime()).toBeLessThan(60_000)
  })
})

/** Everything a copy of the tables holds. */
async function dump() {
  const { rows } = await rig.pool.query(
    `select (select json_agg(k) from api_key k)::text || (select json_agg(i) from idempotency i)::text as text`,
  )
  return rows[0].text ?? ""
}
