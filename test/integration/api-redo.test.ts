/** A transaction that ended without success is done again as a new one (design 4.4, 4.6). */
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type ApiRig, startApiRig } from "../helpers/api-rig.ts"

let rig: ApiRig
beforeAll(async () => {
  rig = await startApiRig({ connections: [{ name: "shop", kind: "http" }] })
  const tasks = [{ id: "pay", task_name: "http", config: { url: "/pay", connection: "shop" } }]
  const params_schema = { type: "object", properties: { amount: { type: "number" } } }
  await rig.call("POST", "/api/v1/flows", { body: { definition: { name: "order", params_schema, tasks } } })
})
afterAll(() => rig.stop())

async function ended(instance_id: string, status: string): Promise<void> {
  const body = { instance_id, flow_id: "order", params: { amount: 7 } }
  expect((await rig.call("POST", "/api/v1/transactions", { body })).status).toBe(201)
  await rig.pool.query("update txn set status = $2, confirmed_at = now() where instance_id = $1", [
    instance_id,
    status,
  ])
}

const redo = (instanceId: string, options: object = {}) =>
  rig.call("POST", `/api/v1/transactions/${encodeURIComponent(instanceId)}/redo`, options)

describe("POST /transactions/{id}/redo", () => {
  test.each(["failed", "compensated", "cancelled", "closed"])(
    "does a %s one again, with its params",
    async (status) => {
      const id = `订单/${status}`
      await ended(id, status)
      const answer = await redo(id)
      expect(answer.status, answer.text).toBe(201)
      expect(answer.data).toMatchObject({ instance_id: `${id}.redo1`, status: "pending", redo_of: id })
      const read = await rig.call("GET", `/api/v1/transactions/${encodeURIComponent(`${id}.redo1`)}`)
      expect(read.data).toMatchObject({ redo_of: id, params: { amount: 7 } })
      const old = await rig.call("GET", `/api/v1/transactions/${encodeURIComponent(id)}`)
      expect(old.data).toMatchObject({ status, redo_of: null })
    },
  )

  test("with another id and other params, and again", async () => {
    await ended("twice", "failed")
    const first = await redo("twice", { body: { instance_id: "corrected", params: { amount: 8 } } })
    expect(first.data).toMatchObject({ instance_id: "corrected", redo_of: "twice" })
    expect((await rig.call("GET", "/api/v1/transactions/corrected")).data.params).toEqual({ amount: 8 })
    const refused = await redo("twice")
    expect(refused.json).toMatchObject({
      error: "redone_already",
      detail: expect.stringContaining('"corrected"'),
    })
    await rig.pool.query(
      "update txn set status = 'failed', confirmed_at = now() where instance_id = 'corrected'",
    )
    expect((await redo("twice")).data.instance_id).toBe("twice.redo2")
  })

  test("what was done again and failed is done again as the first one, which is not retried meanwhile", async () => {
    await ended("first", "failed")
    await redo("first")
    await rig.pool.query(
      "update txn set status = 'failed', confirmed_at = now() where instance_id = 'first.redo1'",
    )
    expect((await redo("first.redo1")).data).toMatchObject({ instance_id: "first.redo2", redo_of: "first" })
    const retried = await rig.call("POST", "/api/v1/transactions/first/retry")
    expect(retried.json).toMatchObject({ status: 409, error: "redone_already" })
    // Somebody resumed the first one: it is in the way of the others.
    await rig.pool.query(
      "update txn set status = 'failed', confirmed_at = now() where instance_id = 'first.redo2'",
    )
    await rig.pool.query("update txn set status = 'running' where instance_id = 'first'")
    expect((await redo("first.redo2")).json).toMatchObject({ error: "redone_already" })
  })

  test("an id that belongs to another transaction is none for this one", async () => {
    await ended("mine", "failed")
    await ended("other", "failed")
    expect((await redo("mine", { body: { instance_id: "other" } })).json.error).toBe("instance_id_conflict")
    expect((await redo("mine", { body: { instance_id: "mine" } })).json.error).toBe("instance_id_conflict")
  })

  test("once for each Idempotency-Key, and once for those that come at once", async () => {
    await ended("keyed", "compensated")
    const answers = [await redo("keyed", { headers: { "idempotency-key": "k1" } })]
    answers.push(await redo("keyed", { headers: { "idempotency-key": "k1" } }))
    expect(answers.map(({ data }) => data.instance_id)).toEqual(["keyed.redo1", "keyed.redo1"])
    await ended("race", "failed")
    const named = (at: number) => ({ body: at % 2 === 0 ? {} : { instance_id: `race-${at}` } })
    await Promise.all(Array.from({ length: 12 }, (_, at) => redo("race", named(at))))
    const { rows } = await rig.pool.query("select instance_id from txn where redo_of = 'race'")
    expect(rows).toHaveLength(1)
  })

  test.each(["pending", "running", "blocked", "compensating", "success"])(
    "refuses a %s one",
    async (status) => {
      await ended(`not-${status}`, status)
      const answer = await redo(`not-${status}`)
      expect(answer.status).toBe(409)
      expect(answer.json).toMatchObject({ error: "not_redoable", detail: expect.stringContaining(status) })
    },
  )

  test("refuses one whose end is provisional while Temporal has it open, and waits for such an end of another", async () => {
    await ended("provisional", "failed")
    await rig.pool.query("update txn set confirmed_at = null where instance_id = 'provisional'")
    const refused = await redo("provisional")
    expect(refused.status).toBe(409)
    expect(refused.json).toMatchObject({
      error: "not_redoable",
      detail: expect.stringContaining("in a moment"),
    })
    await rig.pool.query("update txn set confirmed_at = now() where instance_id = 'provisional'")
    expect((await redo("provisional")).status).toBe(201)
    await rig.pool.query("update txn set status = 'failed' where instance_id = 'provisional.redo1'")
    expect((await redo("provisional")).json).toMatchObject({ error: "redone_already" })
    const retried = await rig.call("POST", "/api/v1/transactions/provisional/retry")
    expect(retried.json).toMatchObject({ error: "redone_already" })
  })

  test("judges the params by the flow as it is now, and knows no strangers", async () => {
    await ended("wrong", "failed")
    expect((await redo("wrong", { body: { params: { amount: "much" } } })).json.error).toBe("params_invalid")
    expect((await redo("nobody")).status).toBe(404)
    expect((await redo("wrong", { body: { amount: 1 } })).status).toBe(400)
  })

  test("wants an id where the old one's leaves no room for another", async () => {
    const long = "长".repeat(128)
    await ended(long, "failed")
    const refused = await redo(long)
    expect(refused.status).toBe(400)
    expect(refused.json.errors).toMatchObject([{ pointer: "/instance_id" }])
    expect((await redo(long, { body: { instance_id: "short" } })).status).toBe(201)
  })
})
