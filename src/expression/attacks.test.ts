/** What a hostile author or payload may try: each ends in an `ExpressionError`, soon and without much memory. */
import { describe, expect, test } from "vitest"
import { ExpressionSyntaxError, parseExpression } from "../flow/parse-expression.ts"
import { parseTemplate } from "../flow/parse-template.ts"
import { ExpressionError } from "./error.ts"
import { evaluate } from "./evaluate.ts"
import { createMeter } from "./meter.ts"
import { render } from "./render.ts"

const thousand = Array.from({ length: 1_000 }, (_, index) => index)
const wide = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`key${index}`, index]))
const text = "a".repeat(100_000)
const payload = {
  l: thousand,
  wide,
  text,
  almost: `b${text.slice(1, 50_000)}`,
  many: Array.from({ length: 40_000 }, () => 1),
  deep: nest(100_000),
  json: JSON.stringify(thousand),
  n: 1,
}

/** Generous, for a busy machine: each takes a small part of it, and what these tests catch takes far longer. */
const SOON_MS = 5_000

function nest(levels: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < levels; level += 1) value = [value]
  return value
}

function attack(source: string): ExpressionError {
  const tree = parseExpression(source)
  const start = performance.now()
  try {
    evaluate(tree, { params: payload }, createMeter())
  } catch (error) {
    expect(performance.now() - start).toBeLessThan(SOON_MS)
    if (error instanceof ExpressionError) return error
    throw error
  }
  throw new Error("nothing stopped it")
}

describe("limits stop", () => {
  test.each([
    ["nested loops", "params.l.all(a, params.l.all(b, params.l.all(c, true)))"],
    [
      "nested loops that end late",
      "params.l.exists(a, params.l.exists(b, params.l.exists(c, a + b + c < 0.0)))",
    ],
    ["nested loops whose errors are absorbed", "params.l.exists(a, params.l.exists(b, b.x == a))"],
    ["nested maps", "params.l.map(a, params.l.map(b, params.l.map(c, c)))"],
    [
      "a loop inside a condition",
      "params.l.filter(a, params.l.filter(b, params.l.exists(c, c < 0.0)).size() > 0)",
    ],
    ["loops over a wide map", "params.wide.all(a, params.wide.all(b, true))"],
    ["errors over a wide map", "params.wide.exists(a, params.wide.nope == 1 || params.wide[a + 'x'] == 2)"],
    ["membership in a loop", "params.l.all(a, params.l.filter(b, !(-1.0 in params.l)).size() > 0)"],
    ["equality in a loop", "params.l.all(a, params.l == params.l.map(b, b))"],
    ["equality of wide maps", "params.l.all(a, params.wide == merge(params.wide, {'a': 1}))"],
    ["list doubling", doubling("params.l", "+", 12)],
    ["list doubling in a loop", "params.l.map(a, params.l + params.l + params.l + params.l + params.l)"],
    ["copies of a long list", "params.l.map(a, (params.many + params.many).size())"],
    ["sizes of a wide map", "params.l.map(a, size(params.wide))"],
    ["text doubling", doubling("params.text", "+", 5)],
    ["text in a loop", "params.l.map(a, params.text.size())"],
    ["text growing in a loop", "params.l.map(a, params.text + 'x')"],
    ["a text of text", "join(params.l.map(a, params.text), '')"],
    ["a quadratic search", "params.l.exists(a, params.text.contains(params.almost))"],
    ["hashing in a loop", "params.l.map(a, sha256hex(params.text))"],
    ["base64 in a loop", "params.l.map(a, base64(params.text))"],
    ["case mapping in a loop", "params.l.map(a, upper(params.text))"],
    ["merging in a loop", "params.l.map(a, merge(params.wide, {'a': a}))"],
    ["parsing in a loop", "params.l.map(a, json_parse(params.json))"],
    ["comparing long texts", "params.l.all(a, params.text <= params.text)"],
    ["a tower of shared lists", `${tower(20)} == ${tower(20)}`],
    ["the output of a tower of shared lists", tower(20)],
    ["a result that is too large", "params.l.map(a, params.almost)"],
    ["deep data in the result", "params.deep"],
    ["deep data compared", "params.deep == [params.deep]"],
    ["a limit inside &&", "params.l.all(a, params.l.all(b, params.l.all(c, true))) && false"],
    ["a limit inside ||", "params.l.all(a, params.l.all(b, params.l.all(c, true))) || true"],
    ["a limit of length inside ||", "size(params.text + params.text) > 0 || true"],
    ["a limit inside coalesce", "coalesce(params.l.all(a, params.l.all(b, params.l.all(c, true))), 1)"],
  ])("%s", (_, source) => {
    expect(attack(source).code).toBe("limit_exceeded")
  })

  function doubling(start: string, operator: string, times: number): string {
    let source = start
    for (let time = 0; time < times; time += 1) {
      source = source.length < 1_900 ? `(${source} ${operator} ${source})` : source
    }
    return source
  }

  function tower(levels: number): string {
    return `[1]${".map(a, [a, a])".repeat(levels)}`
  }

  test("many expressions that share a meter", () => {
    const meter = createMeter()
    const tree = parseExpression("params.l.map(a, a + 1).size()")
    const start = performance.now()
    expect(() => {
      for (;;) evaluate(tree, { params: payload }, meter)
    }).toThrow("the expressions of this activation took more than 1000000 steps")
    expect(performance.now() - start).toBeLessThan(SOON_MS)
  })

  test("a template with many large results", () => {
    const template = parseTemplate(Array.from({ length: 10 }, () => "${ params.almost }"))
    expect(() => render(template, { params: payload }, createMeter())).toThrow(ExpressionError)
  })

  test("a text with many large parts", () => {
    const template = parseTemplate("${ params.almost }, ${ params.almost }, ${ params.almost }")
    expect(() => render(template, { params: payload }, createMeter())).toThrow(
      "longer than the limit of 100000",
    )
  })
})

describe("prototypes are out of reach", () => {
  const names = ["constructor", "__proto__", "prototype", "toString", "hasOwnProperty", "valueOf", "length"]
  const operands = [
    "params",
    "params.l",
    "params.text",
    "params.n",
    "{'a': 1}",
    "[1]",
    "'a'",
    "1",
    "b'a'",
    "type(1)",
    "null",
  ]

  test.each(names)("%s as a name", (name) => {
    expect(attack(name).code).toBe("unknown_name")
    expect(attack(`${name}.${name}`).code).toBe("unknown_name")
  })

  test.each(operands)("fields of %s", (operand) => {
    for (const name of names) {
      expect(["missing_field", "type_mismatch"]).toContain(attack(`${operand}.${name}`).code)
      expect(["missing_field", "type_mismatch"]).toContain(attack(`${operand}['${name}']`).code)
    }
  })

  test("built maps have none", () => {
    const value = evaluate(
      parseExpression("[{'a': 1}, merge({'b': 1}, {'__proto__': {'polluted': true}}), {1: 2}]"),
      {},
      createMeter(),
    )
    expect(Array.isArray(value) && value.map((map) => Object.getPrototypeOf(map))).toEqual([null, null, null])
    expect(JSON.stringify(value)).toBe('[{"a":1},{"b":1,"__proto__":{"polluted":true}},{"1":2}]')
    expect("polluted" in {}).toBe(false)
  })

  test("keys of payloads are data, whatever they are called", () => {
    const params: unknown = JSON.parse('{"__proto__": 1, "constructor": {"constructor": 2}, "toString": 3}')
    const source =
      "[params.__proto__, params.constructor.constructor, params['toString'], has(params.valueOf)]"
    expect(evaluate(parseExpression(source), { params }, createMeter())).toEqual([1, 2, 3, false])
  })

  test("a template's __proto__ key stays a key", () => {
    const template = parseTemplate(
      JSON.parse('{"__proto__": {"polluted": "${ 1 }"}, "list": [{"__proto__": 2}]}'),
    )
    const value = render(template, {}, createMeter())
    expect(JSON.stringify(value)).toBe('{"__proto__":{"polluted":1},"list":[{"__proto__":2}]}')
    expect("polluted" in {}).toBe(false)
  })

  test("what is not enumerable or not own is invisible", () => {
    const params = Object.create(
      { inherited: 1 },
      { hidden: { value: 1 }, shown: { value: 1, enumerable: true } },
    )
    const source = "[has(params.inherited), has(params.hidden), has(params.shown)]"
    expect(evaluate(parseExpression(source), { params }, createMeter())).toEqual([false, false, true])
  })
})

describe("at publish", () => {
  test.each([
    ["20,000 parentheses", "(".repeat(20_000)],
    ["2,000 parentheses", `${"(".repeat(2_000)}1${")".repeat(2_000)}`],
    ["2,000 brackets", "[".repeat(2_000)],
    ["2,000 braces", "{1:".repeat(1_000)],
    ["4,000 negations of a bracket", `${"!(".repeat(1_300)}a${")".repeat(1_300)}`],
    ["a long chain", `a${".a".repeat(2_000)}`],
    ["a long sum", `1${"+1".repeat(2_000)}`],
    ["many spaces", `1${" ".repeat(4_000)}x`],
    ["an endless string", `'${"\\'".repeat(2_000)}`],
    ["regular expressions", "'aaaaaaaaaaaaaaaaaaaaaaaa!'.matches('^(a+)+$')"],
    ["code", "constructor.constructor('return process')()"],
  ])("%s", (_, source) => {
    const start = performance.now()
    expect(() => parseExpression(source)).toThrow(ExpressionSyntaxError)
    expect(performance.now() - start).toBeLessThan(SOON_MS)
  })

  test("a template nested 100,000 levels deep", () => {
    expect(() => parseTemplate(nest(100_000))).toThrow("nested deeper than 64 levels")
  })
})
