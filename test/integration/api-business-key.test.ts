/** Where a flow wants every business key once (design 4.7, `on_duplicate`). */
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type ApiRig, startApiRig } from "../helpers/api-rig.ts"

let rig: ApiRig
beforeAll(async () => {
  rig = await startApiRig({ connections: [{ name: "shop", kind: "http" }] })
  for (const on_duplicate of ["reject", "return_existing", "allow"])
    await rig.call("POST", "/api/v1/flows", {
      body: {
        definition: {
          name: on_duplicate,
          business_key: "${ params.order }",
          on_duplicate,
          tasks: [{ id: "pay", task_name: "http", config: { url: "/pay", connection: "shop" } }],
        },
      },
    })
})
afterAll(() => rig.stop())

const start = (flow_id: string, instance_id: string, order: string | null) =>
  rig.call("POST", "/api/v1/transactions", { body: { flow_id, instance_id, params: { order } } })

describe("on_duplicate", () => {
  test("reject: a second transaction of the key is refused, and the first named; a repeat of the first is none", async () => {
    expect((await start("reject", "r1", "订单 1")).status).toBe(201)
    const second = await start("reject", "r2", "订单 1")
    expect(second.status).toBe(409)
    expect(second.json).toMatchObject({
      error: "business_key_taken",
      detail: expect.stringContaining('"r1"'),
    })
    expect((await start("reject", "r1", "订单 1")).status).toBe(200)
    expect((await rig.call("GET", "/api/v1/transactions/r2")).status).toBe(404)
  })

  test("return_existing: it answers the one that is there", async () => {
    await start("return_existing", "e1", "o1")
    const second = await start("return_existing", "e2", "o1")
    expect(second.status).toBe(200)
    expect(second.data).toMatchObject({ instance_id: "e1" })
    expect(second.headers.get("location")).toBe("/api/v1/transactions/e1")
  })

  test("of twenty that come at once one is stored", async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) => start("reject", `race-${at}`, "race")),
    )
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
      201,
      ...Array.from({ length: 19 }, () => 409),
    ])
    const { rows } = await rig.pool.query("select instance_id from txn where business_key = 'race'")
    expect(rows).toHaveLength(1)
  })

  test("is about the flow's own transactions, those with a key, and those that are not over without success", async () => {
    await start("reject", "own", "shared")
    expect((await start("return_existing", "other-flow", "shared")).status).toBe(201)
    expect((await start("reject", "none-1", null)).status).toBe(201)
    expect((await start("reject", "none-2", null)).status).toBe(201)
    await rig.pool.query(
      "update txn set status = 'compensated', confirmed_at = now() where instance_id = 'own'",
    )
    expect((await start("reject", "again", "shared")).status).toBe(201)
    await rig.pool.query("update txn set status = 'success' where instance_id = 'again'")
    expect((await start("reject", "third", "shared")).status).toBe(409)
  })

  test("a repeat of what was accepted is answered as that, whoever has the key by now", async () => {
    await start("return_existing", "early", "moved")
    await rig.pool.query("update txn set status = 'failed', confirmed_at = now() where instance_id = 'early'")
    expect((await start("return_existing", "late", "moved")).status).toBe(201)
    expect((await start("return_existing", "early", "moved")).data).toMatchObject({ instance_id: "early" })
    const retried = await rig.call("POST", "/api/v1/transactions/early/retry")
    expect(retried.json).toMatchObject({ status: 409, error: "business_key_taken" })
  })

  test("a provisional end lets nobody in while Temporal has the other one open", async () => {
    await start("reject", "p1", "provisional")
    await rig.pool.query("update txn set status = 'failed' where instance_id = 'p1'")
    expect((await start("reject", "p2", "provisional")).json).toMatchObject({ error: "business_key_taken" })
  })

  test("allow is as if it said nothing", async () => {
    expect((await start("allow", "a1", "o1")).status).toBe(201)
    expect((await start("allow", "a2", "o1")).status).toBe(201)
  })

  test("needs a business key", async () => {
    const definition = {
      name: "keyless",
      on_duplicate: "reject",
      tasks: [{ id: "pay", task_name: "http", config: { url: "/pay", connection: "shop" } }],
    }
    const answer = await rig.call("POST", "/api/v1/flows", { body: { definition } })
    expect(answer.status).toBe(422)
    expect(JSON.stringify(answer.json)).toContain("/on_duplicate")
  })
})
