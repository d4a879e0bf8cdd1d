import { describe, expect, test } from "vitest"
import { MAX_INLINE_OUTPUT_BYTES, MAX_INLINE_OUTPUT_DEPTH } from "../contract/activities.ts"
import type { Template, Tree } from "../contract/tree.ts"
import type { Done } from "./call.ts"
import { settle } from "./settle.ts"

const field = (of: "output" | "input", name: string): Tree => ["f", ["v", of], name]
const done = (output: unknown): Done => ({ class: "done", output, evidence: { peer: "p" } })

describe("settle()", () => {
  test("is the reply as it is without rules, and null for nothing", () => {
    expect(settle(done({ a: 1 }), {})).toEqual(done({ a: 1 }))
    expect(settle(done(undefined), {})).toEqual(done(null))
  })

  test("evaluates output over the reply and the input", () => {
    const output: Template = { id: ["$", field("output", "payment_id")], sku: ["$", field("input", "sku")] }
    const settled = settle(done({ payment_id: "p1" }), { output, input: { sku: "A" } })
    expect(settled).toMatchObject({ class: "done", output: { id: "p1", sku: "A" } })
  })

  test("turns a success into a refusal when fail_when is true", () => {
    const fail_when: Template = ["$", ["c", "_==_", field("output", "ok"), ["b", false]]]
    expect(settle(done({ ok: false }), { fail_when })).toMatchObject({
      class: "refused",
      code: "fail_when",
      evidence: { peer: "p" },
    })
    expect(settle(done({ ok: true }), { fail_when })).toMatchObject({ class: "done" })
  })

  test("a fail_when that fails, or is no true or false, leaves open what happened", () => {
    const templates: Template[] = [["$", field("output", "missing")], ["$", field("output", "ok")], "text"]
    for (const fail_when of templates)
      expect(settle(done({ ok: "no" }), { fail_when })).toMatchObject({
        class: "misconfigured",
        code: "expression_error",
        left: "unknown",
      })
  })

  test("an output that fails was executed", () => {
    expect(settle(done({}), { output: ["$", field("output", "missing")] })).toMatchObject({
      class: "misconfigured",
      code: "expression_error",
      left: "executed",
      message: expect.stringMatching(/^output: .*missing/),
    })
  })

  test("a probe answers whether it found what it asked for, and only then makes its output", () => {
    const executed_when: Template = ["$", field("output", "found")]
    const output: Template = { id: ["$", field("output", "id")] }
    const call = { executed_when, output }
    const found = { found: true, id: "p1" }
    expect(settle(done(found), call)).toEqual(done({ found: true, output: { id: "p1" } }))
    expect(settle(done(found), { executed_when })).toEqual(done({ found: true, output: found }))
    expect(settle(done({ found: false }), call)).toEqual(done({ found: false }))
    for (const reply of [{}, { found: "yes" }])
      expect(settle(done(reply), call)).toMatchObject({ class: "misconfigured", left: "unknown" })
  })

  test("an output larger than the limit was executed", () => {
    // The quotes of the JSON text count.
    const fits = "x".repeat(MAX_INLINE_OUTPUT_BYTES - 2)
    expect(settle(done(fits), {}).class).toBe("done")
    expect(settle(done(`${fits}x`), {})).toMatchObject({
      class: "misconfigured",
      code: "output_too_large",
      left: "executed",
    })
    expect(settle(done("ä".repeat(MAX_INLINE_OUTPUT_BYTES / 2)), {}).class).toBe("misconfigured")
  })

  test("an output nested deeper than the limit was executed", () => {
    const nested = (levels: number): unknown => JSON.parse("[".repeat(levels) + "]".repeat(levels))
    expect(settle(done(nested(MAX_INLINE_OUTPUT_DEPTH)), {}).class).toBe("done")
    for (const levels of [MAX_INLINE_OUTPUT_DEPTH + 1, 200_000])
      expect(settle(done({ a: nested(levels - 1) }), {})).toMatchObject({
        class: "misconfigured",
        code: "output_too_deep",
        left: "executed",
      })
    const reply = { id: 7, rest: nested(200_000) }
    expect(settle(done(reply), { output: ["$", field("output", "id")] })).toMatchObject({ output: 7 })
    expect(settle(done(reply), { output: ["$", ["v", "output"]] })).toMatchObject({
      class: "misconfigured",
      left: "executed",
    })
  })

  test("a large reply is fine when output picks a part of it", () => {
    const reply = { id: 7, rest: "x".repeat(MAX_INLINE_OUTPUT_BYTES) }
    expect(settle(done(reply), { output: ["$", field("output", "id")] })).toMatchObject({ output: 7 })
  })
})
