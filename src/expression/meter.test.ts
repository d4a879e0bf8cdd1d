import { describe, expect, test } from "vitest"
import { parseExpression } from "../flow/parse-expression.ts"
import { parseTemplate } from "../flow/parse-template.ts"
import { evaluate } from "./evaluate.ts"
import { CEL_1_LIMITS, createMeter } from "./meter.ts"
import type { Limits } from "./meter.ts"
import { render } from "./render.ts"

function run(source: string, limits: Partial<Limits>, scope: Record<string, unknown> = {}): unknown {
  return evaluate(parseExpression(source), scope, createMeter(limits))
}

describe("createMeter()", () => {
  test("has the limits of cel/1", () => {
    expect(createMeter().limits).toEqual({
      steps: 100_000,
      activation_steps: 1_000_000,
      value_bytes: 262_144,
      length: 100_000,
      value_depth: 256,
    })
    expect(createMeter({ steps: 5 }).limits).toEqual({ ...CEL_1_LIMITS, steps: 5 })
  })
})

describe("limits", () => {
  test("steps: a node is one", () => {
    // +, params, .a, 1
    expect(run("params.a + 1", { steps: 4 }, { params: { a: 1 } })).toBe(2)
    expect(() => run("params.a + 1", { steps: 3 }, { params: { a: 1 } })).toThrow("more than 3 steps")
  })

  test("steps: the whole expression is named, not the part where they ran out", () => {
    expect(() => run("(1 + 2) + 3", { steps: 4 })).toThrow(
      "(1 + 2) + 3: the expression took more than 4 steps",
    )
  })

  test("steps: a turn of a macro is one", () => {
    // The macro, the list, the first value, the result; per turn itself and the member.
    const list = [1, 2, 3, 4, 5]
    expect(run("l.map(x, x)", { steps: 4 + 2 * 5 }, { l: list })).toEqual(list)
    expect(() => run("l.map(x, x)", { steps: 3 + 2 * 5 }, { l: list })).toThrow(
      "l.map(x, …): the expression took",
    )
  })

  test("steps of an activation are shared, those of an expression are not", () => {
    const tree = parseExpression("1 + 1")
    const meter = createMeter({ steps: 3, activation_steps: 10 })
    for (let time = 0; time < 3; time += 1) expect(evaluate(tree, {}, meter)).toBe(2)
    expect(() => evaluate(tree, {}, meter)).toThrow("of this activation took more than 10 steps")
    expect(() => evaluate(tree, {}, meter)).toThrow("of this activation took more than 10 steps")
    expect(evaluate(tree, {}, createMeter({ steps: 3, activation_steps: 10 }))).toBe(2)
  })

  test("a failed expression gives back what it did not use", () => {
    const meter = createMeter({ steps: 3, activation_steps: 8 })
    expect(() => evaluate(parseExpression("nope + 1"), {}, meter)).toThrow("there is no such name")
    for (let time = 0; time < 2; time += 1) expect(evaluate(parseExpression("1 + 1"), {}, meter)).toBe(2)
  })

  test("length of a text", () => {
    expect(run("a + a", { length: 6 }, { a: "xyz" })).toBe("xyzxyz")
    expect(() => run("a + a", { length: 5 }, { a: "xyz" })).toThrow(
      "a text of 6 is longer than the limit of 5",
    )
    expect(run("join([a, a], '-')", { length: 7 }, { a: "xyz" })).toBe("xyz-xyz")
    expect(() => run("join([a, a], '-')", { length: 6 }, { a: "xyz" })).toThrow("a text of 7")
  })

  test("length of a text does not matter to what only passes through", () => {
    expect(run("a", { length: 5 }, { a: "x".repeat(100) })).toHaveLength(100)
  })

  test("length of a list, a map and bytes", () => {
    expect(run("l + [1]", { length: 4 }, { l: [1, 2, 3] })).toHaveLength(4)
    expect(() => run("l + [1]", { length: 3 }, { l: [1, 2, 3] })).toThrow("a list of 4")
    expect(run("l.map(x, x)", { length: 3 }, { l: [1, 2, 3] })).toHaveLength(3)
    expect(() => run("l.map(x, x)", { length: 2 }, { l: [1, 2, 3] })).toThrow("a list of 3")
    expect(() => run("merge({'a': 1}, {'b': 1, 'c': 1})", { length: 2 })).toThrow("a map of 3")
    expect(() => run("b'abc' + b'def'", { length: 5 })).toThrow("a value of bytes of 6")
  })

  test("bytes of a value", () => {
    // A text takes its UTF-8 and 3.
    expect(run("a", { value_bytes: 7 }, { a: "é€"[0] + "ab" })).toBe("éab")
    expect(() => run("a", { value_bytes: 6 }, { a: "éab" })).toThrow("larger than 6 bytes")
    expect(run("a", { value_bytes: 3 + 3 + 1 + 8 }, { a: { x: 1 } })).toEqual({ x: 1 })
    expect(() => run("a", { value_bytes: 3 + 3 + 1 + 7 }, { a: { x: 1 } })).toThrow("larger than 14 bytes")
  })

  test("bytes of all results of a template together, constants not counted", () => {
    const template = parseTemplate({ a: "${ x }", b: ["${ x }"], c: "a constant that is long" })
    expect(render(template, { x: "abc" }, createMeter({ value_bytes: 12 }))).toMatchObject({
      a: "abc",
      b: ["abc"],
    })
    expect(() => render(template, { x: "abc" }, createMeter({ value_bytes: 11 }))).toThrow(
      "larger than 11 bytes",
    )
  })

  test("depth of a value", () => {
    expect(run("a", { value_depth: 3 }, { a: [[[1]]] })).toEqual([[[1]]])
    expect(() => run("a", { value_depth: 2 }, { a: [[[1]]] })).toThrow("nested deeper than 2 levels")
    expect(run("a == b", { value_depth: 3 }, { a: [[[1]]], b: [[[1]]] })).toBe(true)
    expect(() => run("a == b", { value_depth: 2 }, { a: [[[1]]], b: [[[1]]] })).toThrow(
      "nested deeper than 2",
    )
  })
})
