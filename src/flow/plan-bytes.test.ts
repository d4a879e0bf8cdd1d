import { createHash } from "node:crypto"
import { inflateRawSync } from "node:zlib"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { compile, flow, task } from "./definitions.testsuite.ts"
import { canonicalJson, packPlan, planHash, unpackPlan } from "./plan-bytes.ts"

describe("canonicalJson()", () => {
  test("sorts keys at every depth and leaves lists alone", () => {
    expect(canonicalJson({ b: [{ d: 1, c: 2 }, 3], a: null })).toBe('{"a":null,"b":[{"c":2,"d":1},3]}')
  })

  test("leaves out what is undefined, and writes -0 as 0", () => {
    expect(canonicalJson({ a: undefined, b: -0 })).toBe('{"b":0}')
    expect(canonicalJson(undefined)).toBe("null")
  })

  test("keeps a key __proto__", () => {
    expect(canonicalJson(JSON.parse('{"z":1,"__proto__":{"y":1,"x":2}}'))).toBe(
      '{"__proto__":{"x":2,"y":1},"z":1}',
    )
  })

  test("is JSON of the same value, whatever the order of the keys", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value)
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)))
        expect(canonicalJson(reversed(value))).toBe(text)
      }),
    )
  })
})

describe("planHash() and packPlan()", () => {
  const plan = compile(flow([task("pay", { input: { b: "${ params.x }", a: 1 } })]))

  test("hash is the sha256 of the canonical JSON", () => {
    expect(planHash(plan)).toBe(createHash("sha256").update(canonicalJson(plan)).digest("hex"))
  })

  test("equal plans have equal bytes, whatever the order in the definition", () => {
    const other = compile(flow([task("pay", { input: { a: 1, b: "${ params.x }" } })]))
    expect(planHash(other)).toBe(planHash(plan))
    expect(packPlan(other)).toEqual(packPlan(plan))
    expect(planHash(compile(flow([task("pay", { input: { a: 2, b: "${ params.x }" } })])))).not.toBe(
      planHash(plan),
    )
  })

  test("bytes are a raw deflate stream, and come back as the plan", () => {
    const bytes = packPlan(plan)
    expect(inflateRawSync(bytes).toString()).toBe(canonicalJson(plan))
    expect(unpackPlan(bytes)).toEqual(plan)
    expect(JSON.stringify(unpackPlan(bytes))).toBe(JSON.stringify(plan))
  })

  test("refuses a plan of another format", () => {
    // A format that this release does not know.
    const other = { ...plan, format: 2 as 1 }
    expect(() => unpackPlan(packPlan(other))).toThrow(
      "expected a plan of format 1, got 2: publish the flow again",
    )
  })
})

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, member]) => [key, reversed(member)]),
  )
}
