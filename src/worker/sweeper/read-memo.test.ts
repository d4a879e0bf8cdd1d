import { describe, expect, test } from "vitest"
import { readMemo } from "./read-memo.ts"

const NOTHING = { flow_id: null, flow_version: null, business_key: null }

describe("readMemo()", () => {
  test("reads what the API writes", () => {
    expect(readMemo({ flow_id: "f", version: 3, business_key: "b", tenant: "default" })).toEqual({
      flow_id: "f",
      flow_version: 3,
      business_key: "b",
    })
  })

  test.each([[undefined], [{}], [{ flow_id: 1, version: "3", business_key: {} }]])(
    "finds nothing in %j",
    (memo) => {
      expect(readMemo(memo)).toEqual(NOTHING)
    },
  )

  test.each([1.5, 1e12, -1, 0, Number.NaN])("takes %d for no version", (version) => {
    expect(readMemo({ version })).toEqual(NOTHING)
  })

  test.each(["a\0b", "x".repeat(256)])("takes %j for no key", (business_key) => {
    expect(readMemo({ business_key, flow_id: business_key })).toEqual(NOTHING)
  })
})
