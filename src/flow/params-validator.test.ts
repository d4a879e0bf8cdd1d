import { describe, expect, test } from "vitest"
import { createParamsValidator } from "./params-validator.ts"

const order = {
  type: "object",
  required: ["order_id", "amount"],
  properties: {
    order_id: { type: "string", minLength: 1 },
    amount: { type: "number", exclusiveMinimum: 0 },
    items: {
      type: "array",
      uniqueItems: true,
      items: { type: "object", required: ["sku"], additionalProperties: false, properties: { sku: {} } },
    },
    region: { enum: ["eu", "us"] },
  },
}

describe("createParamsValidator()", () => {
  test("takes params that fit, and leaves them as they are", () => {
    const params = { order_id: "1", amount: 2, extra: [] }
    const validate = createParamsValidator({
      ...order,
      properties: { ...order.properties, note: { default: "x" } },
    })
    expect(validate(params)).toEqual([])
    expect(params).toEqual({ order_id: "1", amount: 2, extra: [] })
  })

  test("finds every problem, with its place", () => {
    const params = { amount: "99", items: [{ sku: 1 }, { sku: 1 }, { sk: 1 }], region: "mars" }
    expect(createParamsValidator(order)(params)).toEqual([
      { pointer: "/order_id", code: "required", message: "order_id is missing" },
      { pointer: "/amount", code: "type", message: 'must be number, got "99"' },
      { pointer: "/items/2/sku", code: "required", message: "sku is missing" },
      { pointer: "/items/2/sk", code: "additionalProperties", message: 'there is no field "sk"' },
      { pointer: "/items", code: "uniqueItems", message: "must not have equal members, got a list" },
      { pointer: "/region", code: "enum", message: 'must be "eu" or "us", got "mars"' },
    ])
  })

  test("gives the same answer every time", () => {
    const validate = createParamsValidator(order)
    expect(validate({})).toEqual(validate({}))
    expect(validate({ order_id: "1", amount: 1 })).toEqual([])
  })

  test("wants an object, also without a schema", () => {
    for (const params of [null, [], "x", 5, undefined]) {
      expect(createParamsValidator()(params)).toMatchObject([{ pointer: "", code: "type" }])
      expect(createParamsValidator({})(params)).toMatchObject([{ pointer: "", code: "type" }])
    }
    expect(createParamsValidator(null)({ a: 1 })).toEqual([])
  })

  test("does not take what every object has for a param", () => {
    expect(createParamsValidator({ required: ["toString"] })({})).toMatchObject([
      { pointer: "/toString", code: "required" },
    ])
  })

  test("reads both dialects", () => {
    const tuple = (keyword: string) => ({ properties: { a: { [keyword]: [{ type: "string" }] } } })
    const draft07 = { $schema: "http://json-schema.org/draft-07/schema#", ...tuple("items") }
    expect(createParamsValidator(draft07)({ a: [1] })).toMatchObject([{ pointer: "/a/0" }])
    expect(createParamsValidator(tuple("prefixItems"))({ a: [1] })).toMatchObject([{ pointer: "/a/0" }])
  })

  test("does not check formats", () => {
    expect(createParamsValidator({ properties: { a: { format: "email" } } })({ a: "no" })).toEqual([])
  })

  test("gives at most 100 problems", () => {
    const validate = createParamsValidator({ properties: { a: { items: { type: "string" } } } })
    expect(validate({ a: Array.from({ length: 1_000 }, () => 1) })).toHaveLength(100)
  })

  test.each([
    ["^\\u0041[\\u4e00-\\u9fa5]\\u{42}\\cJ$", "A中B\n"],
    ["^\\p{L}+\\.\\d{2}\\/$", "日本.12/"],
    ["b", "abc"],
    ["^\\\\u0041$", "\\u0041"],
  ])("reads the pattern %s as JavaScript does", (pattern, text) => {
    expect(new RegExp(pattern, "u").test(text)).toBe(true)
    const validate = createParamsValidator({ properties: { a: { pattern } } })
    expect(validate({ a: text })).toEqual([])
    expect(validate({ a: "?" })).toMatchObject([{ pointer: "/a", code: "pattern" }])
  })

  test.each(["^(a+)+$", "^(a|a)*$", "(x+x+)+y", "(a?){30}a{30}", "^(\\w+\\s?)*$", "(.*a){25}"])(
    "is not held up by the pattern %s",
    (pattern) => {
      const validate = createParamsValidator({ properties: { a: { type: "string", pattern } } })
      const started = performance.now()
      validate({ a: "a".repeat(50_000) + "!" })
      // V8's own engine would take longer than the universe has.
      expect(performance.now() - started).toBeLessThan(5_000)
    },
  )

  test("refuses more text than its patterns can be run on, once per validation", () => {
    const validate = createParamsValidator({ additionalProperties: { pattern: "(a?){300}b{300}" } })
    expect(validate({ a: "a".repeat(1_000_000) })).toEqual([
      {
        pointer: "",
        code: "pattern_budget",
        message: "the texts are too long for the patterns of the schema",
        fix: "send less text",
      },
    ])
    expect(validate({ a: "b".repeat(300) })).toEqual([])
  })

  test("compares a long list with itself in linear time", () => {
    const validate = createParamsValidator({ properties: { a: { uniqueItems: true } } })
    const started = performance.now()
    expect(validate({ a: Array.from({ length: 100_000 }, (_, at) => ({ at })) })).toEqual([])
    // Comparing each with each takes minutes.
    expect(performance.now() - started).toBeLessThan(5_000)
  })
})
