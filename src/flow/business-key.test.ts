import { describe, expect, test } from "vitest"
import { BusinessKeyError, renderBusinessKey } from "./business-key.ts"
import { compile, flow } from "./definitions.testsuite.ts"

const plan = (business_key?: string) => compile(flow([], business_key === undefined ? {} : { business_key }))

describe("renderBusinessKey()", () => {
  test.each([
    ["${ params.id }", { id: "a-1" }, "a-1"],
    ["${ params.id }", { id: 42 }, "42"],
    ["${ params.id }", { id: null }, null],
    ["order-${ params.id }", { id: 7 }, "order-7"],
    ["${ coalesce(params.id, null) }", {}, null],
    ["fixed", {}, "fixed"],
    ["${ params.id }", { id: "x".repeat(255) }, "x".repeat(255)],
  ])("%s over %j is %j", (expression, params, key) => {
    expect(renderBusinessKey(plan(expression), params)).toBe(key)
  })

  test("is null when the flow has none", () => {
    expect(renderBusinessKey(plan(), { id: 1 })).toBeNull()
  })

  test.each([
    ["${ params.id }", {}, /cannot be worked out from these params: .*id/],
    ["order-${ params.id }", { id: [] }, /cannot be worked out/],
    ["${ params.id }", { id: "" }, /must not be empty/],
    ["${ params.id }", { id: true }, /must be text or a number, these params make it true/],
    ["${ params.id }", { id: {} }, /must be text or a number, these params make it an object/],
    ["${ params.id }", { id: "x".repeat(256) }, /may have 255 characters, these params make 256/],
  ])("%s over %j is refused", (expression, params, message) => {
    expect(() => renderBusinessKey(plan(expression), params)).toThrow(message)
    expect(() => renderBusinessKey(plan(expression), params)).toThrow(BusinessKeyError)
  })
})
