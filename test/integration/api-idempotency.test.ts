import { randomUUID } from "node:crypto"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type ApiRig, startApiRig } from "../helpers/api-rig.ts"

let rig: ApiRig
let names = 0

beforeAll(async () => {
  rig = await startApiRig({ auth: "keys" })
})
afterAll(() => rig.stop())

// Without a connection: those of the file belong to the default tenant.
const tasks = [{ id: "a", task_name: "http", config: { url: "https://shop.test/x" } }]

async function publisher(tenant = "default") {
  const key = await rig.key({ tenant })
  return (name: string, idempotencyKey: string, body: object = {}) =>
    rig.call("POST", "/api/v1/flows", {
      body: { name, definition: { tasks }, ...body },
      key,
      headers: { "idempotency-key": idempotencyKey },
    })
}

describe("Idempotency-Key", () => {
  test("gives the same request the same answer, however it is spelled", async () => {
    const publish = await publisher()
    const [name, key] = [`flow_${++names}`, randomUUID()]
    const first = await publish(name, key)
    expect(first.status).toBe(201)
    expect(first.headers.get("idempotency-replayed")).toBeNull()
    await rig.pool.query("update flow set description = 'changed since' where name = $1", [name])
    const again = await rig.call("POST", "/api/v1/flows", {
      raw: `{ "definition" : {"tasks": ${JSON.stringify(tasks)}}, "name": "${name}" }`,
      key: await rig.key(),
      headers: { "idempotency-key": key },
    })
    expect(again.status).toBe(200)
    expect(again.headers.get("idempotency-replayed")).toBe("true")
    expect(again.headers.get("location")).toBe(first.headers.get("location"))
    expect(again.headers.get("etag")).toBe(first.headers.get("etag"))
    expect(again.json).toEqual(first.json)
  })

  test("answers 422 with another body, and on another route", async () => {
    const publish = await publisher()
    const [name, key] = [`flow_${++names}`, randomUUID()]
    await publish(name, key)
    expect((await publish(name, key, { description: "other" })).json).toMatchObject({
      status: 422,
      error: "idempotency_key_reused",
    })
    const elsewhere = await rig.call("POST", "/api/v1/flows?dry_run=true", {
      body: { name, definition: { tasks } },
      key: await rig.key(),
      headers: { "idempotency-key": key },
    })
    expect(elsewhere.json.error).toBe("idempotency_key_reused")
  })

  test("answers 409 while the first request is at work, and lets a dead one be taken over", async () => {
    const publish = await publisher()
    const [name, key] = [`flow_${++names}`, randomUUID()]
    await publish(name, key)
    await rig.pool.query("update idempotency set status = null, body = null where key = $1", [key])
    const busy = await publish(name, key)
    expect(busy.json).toMatchObject({ status: 409, error: "idempotency_key_in_use" })
    expect(busy.headers.get("retry-after")).toBe("1")
    await rig.pool.query("update idempotency set created_at = now() - interval '61 seconds' where key = $1", [
      key,
    ])
    expect((await publish(name, key)).status).toBe(200)
  })

  test("carries out once what comes twenty times at once", async () => {
    const publish = await publisher()
    const [name, key] = [`flow_${++names}`, randomUUID()]
    const answers = await Promise.all(Array.from({ length: 20 }, () => publish(name, key)))
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    for (const { status, json } of answers) {
      expect([200, 201, 409]).toContain(status)
      if (status === 409) expect(json.error).toBe("idempotency_key_in_use")
    }
  })

  test("does not keep a refusal: the same request may succeed later", async () => {
    const publish = await publisher()
    const [name, key] = [`flow_${++names}`, randomUUID()]
    await publish(name, randomUUID(), { definition: { tasks: [{ ...tasks[0], id: "other" }] } })
    expect((await publish(name, key)).json.error).toBe("flow_exists")
    await rig.pool.query("update flow set name = name || '_old' where name = $1", [name])
    expect((await publish(name, key)).status).toBe(201)
  })

  test("belongs to a tenant", async () => {
    const [name, key] = [`flow_${++names}`, randomUUID()]
    const [ours, theirs] = [await publisher("ours"), await publisher("theirs")]
    expect((await ours(name, key)).status).toBe(201)
    expect((await theirs(name, key)).status).toBe(201)
  })

  test("is forgotten after seven days", async () => {
    const publish = await publisher()
    const [name, key] = [`flow_${++names}`, randomUUID()]
    await publish(name, key)
    await rig.pool.query(
      "update idempotency set created_at = now() - interval '7 days 1 second' where key = $1",
      [key],
    )
    const later = await publish(`flow_${++names}`, key)
    expect(later.status).toBe(201)
  })

  test.each(["", "a b", "x".repeat(201), "schlüssel"])("refuses %j as a key", async (key) => {
    const publish = await publisher()
    const answer = await publish("never", key)
    expect(answer.json).toMatchObject({ status: 400, errors: [{ pointer: "/header/idempotency-key" }] })
  })
})
