import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type ApiRig, startApiRig } from "../helpers/api-rig.ts"
import { insertStoredTransaction } from "../helpers/stored-transaction.ts"

let rig: ApiRig

beforeAll(async () => {
  rig = await startApiRig()
})
afterAll(() => rig.stop())

describe("GET /api/v1/transactions?cursor=", () => {
  test("goes through ids of any length and all of one moment", async () => {
    const ids = ["a", "🛒".repeat(127) + "1", "🛒".repeat(127) + "2", '"\\'.repeat(64), "z"]
    for (const instanceId of ids) await insertStoredTransaction(rig.pool, { instanceId })
    await rig.pool.query("update txn set created_at = now()")
    const seen: string[] = []
    for (let cursor: string | null = ""; cursor !== null;) {
      const query: string = cursor === "" ? "" : `&cursor=${cursor}`
      const answer = await rig.call("GET", `/api/v1/transactions?limit=1${query}`)
      expect(answer.status, answer.text).toBe(200)
      seen.push(...answer.data.list.map(({ instance_id }: { instance_id: string }) => instance_id))
      cursor = answer.data.next_cursor
    }
    expect(seen.toSorted()).toEqual(ids.toSorted())
  })

  test("says that a cursor is none, and that there are two ways", async () => {
    expect((await rig.call("GET", "/api/v1/transactions?cursor=bm9uZQ")).json).toMatchObject({
      status: 400,
      errors: [{ pointer: "/query/cursor", code: "invalid_cursor" }],
    })
    expect((await rig.call("GET", "/api/v1/transactions?limit=1&page=1")).status).toBe(400)
  })
})

describe("GET /api/v1/transactions?label=", () => {
  test("lists those that have all of the labels", async () => {
    const labels = [{ region: "eu", tier: "a:b" }, { region: "eu" }, { region: "us", tier: "a:b" }]
    for (const [at, one] of labels.entries()) {
      await insertStoredTransaction(rig.pool, { instanceId: `labelled/${at}` })
      await rig.pool.query("update txn set labels = $2 where instance_id = $1", [`labelled/${at}`, one])
    }
    const list = async (query: string): Promise<string[]> => {
      const answer = await rig.call("GET", `/api/v1/transactions?${query}`)
      return answer.data.list.map(({ instance_id }: { instance_id: string }) => instance_id)
    }
    expect((await list("label=region:eu")).toSorted()).toEqual(["labelled/0", "labelled/1"])
    expect(await list("label=region:eu&label=tier:a:b")).toEqual(["labelled/0"])
    expect(await list("label=region:asia")).toEqual([])
  })
})

test("a connection that is known is not sent again", async () => {
  const shop = { name: "shop", kind: "http", base_url: "https://shop.example" }
  const created = await rig.call("POST", "/api/v1/connections", { body: shop })
  const headers = { "if-none-match": created.headers.get("etag") ?? "" }
  const known = await rig.call("GET", "/api/v1/connections/shop", { headers })
  expect(known).toMatchObject({ status: 304, text: "" })
  await rig.call("PUT", "/api/v1/connections/shop", { body: { ...shop, base_url: "https://other.example" } })
  expect((await rig.call("GET", "/api/v1/connections/shop", { headers })).status).toBe(200)
})
