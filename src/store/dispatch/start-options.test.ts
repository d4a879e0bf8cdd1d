import { describe, expect, test } from "vitest"
import type { Plan } from "../../contract/plan.ts"
import { UNKNOWN_REQUEST } from "../queries/adopt-transaction.ts"
import { toStartArguments, toStartOptions } from "./start-options.ts"

const start = {
  tenant: "default",
  instance_id: "order_1",
  workflow_id: "default/order_1",
  flow_id: "f-1",
  flow_name: "order",
  flow_version: 3,
  plan_hash: "abc",
  params: { amount: 5 },
  request_hash: "def",
  business_key: "c-17",
}

describe("toStartArguments()", () => {
  test("puts a small plan inside and a large one beside the input", () => {
    // Only carried here, never read.
    const plan = { flow: "order" } as Plan
    expect(toStartArguments(start, { plan })).toEqual([
      expect.objectContaining({
        plan,
        plan_hash: "abc",
        tenant: "default",
        transaction: "order_1",
        params: { amount: 5 },
      }),
    ])
    const bytes = new Uint8Array([1, 2])
    const [input, second] = toStartArguments(start, { packed: bytes })
    expect(input).not.toHaveProperty("plan")
    expect(second).toBe(bytes)
  })
})

describe("toStartOptions()", () => {
  test("says in the memo and the summary what a person and the sweeper need", () => {
    expect(toStartOptions(start, { searchAttributes: false })).toEqual({
      workflowId: "default/order_1",
      taskQueue: "holdfast",
      memo: {
        tenant: "default",
        transaction: "order_1",
        flow_id: "f-1",
        version: 3,
        plan_hash: "abc",
        business_key: "c-17",
        request_hash: "def",
      },
      staticSummary: "version 3, c-17",
    })
  })

  test("knows no hash of the request of a row that was made again", () => {
    const { memo } = toStartOptions({ ...start, request_hash: UNKNOWN_REQUEST }, { searchAttributes: false })
    expect(memo).not.toHaveProperty("request_hash")
  })

  test.each([
    ["control characters", "\u0001".repeat(100)],
    ["quotes", '"'.repeat(500)],
    ["halves of surrogate pairs", "\uD800x".repeat(100)],
    ["Chinese", "订单".repeat(200)],
    ["emoji", "🚚".repeat(200)],
  ])("cuts the summary of a key of %s to what Temporal takes", (_, business_key) => {
    const { staticSummary = "" } = toStartOptions({ ...start, business_key }, { searchAttributes: false })
    expect(staticSummary).toMatch(/^version 3, /)
    expect(Buffer.byteLength(JSON.stringify(staticSummary))).toBeLessThanOrEqual(300)
    expect(staticSummary).not.toMatch(/[\p{Cc}\p{Cs}]/u)
  })

  test("keeps as much of a long key as there is room for", () => {
    const { staticSummary } = toStartOptions(
      { ...start, business_key: "x".repeat(500) },
      { searchAttributes: false },
    )
    expect(staticSummary).toHaveLength(298)
  })

  test("leaves out of the search attributes what their columns cannot hold", () => {
    const pairs = (business_key: string | null) =>
      toStartOptions({ ...start, business_key }, { searchAttributes: true }).typedSearchAttributes
    const names = (business_key: string | null) => {
      const attributes = pairs(business_key)
      return (attributes && "getAll" in attributes ? attributes.getAll() : []).map(({ key }) => key.name)
    }
    expect(names("c-17")).toEqual(["HoldfastTenant", "HoldfastBusinessKey"])
    expect(names("x".repeat(256))).toEqual(["HoldfastTenant"])
    expect(names(null)).toEqual(["HoldfastTenant"])
  })
})
