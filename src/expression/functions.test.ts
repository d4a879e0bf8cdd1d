import { describe, expect, test } from "vitest"
import { parseExpression } from "../flow/parse-expression.ts"
import { ExpressionError } from "./error.ts"
import { evaluate } from "./evaluate.ts"
import { FUNCTIONS } from "./functions.ts"
import { createMeter } from "./meter.ts"
import { OPERATORS, SIGNATURES } from "./signatures.ts"

function run(source: string, scope: Record<string, unknown> = {}): unknown {
  return evaluate(parseExpression(source), scope, createMeter())
}

test("every function and operator that may be written can be evaluated, and no other", () => {
  const lazy = ["coalesce", "_[_]", "_&&_", "_||_", "_?_:_", "@not_strictly_false"]
  const written = [...SIGNATURES.keys(), ...OPERATORS].filter((name) => !lazy.includes(name))
  expect([...FUNCTIONS.keys()].toSorted()).toEqual(written.toSorted())
})

describe("round()", () => {
  test.each([
    [0.5, 1],
    [-0.5, -1],
    [2.5, 3],
    [-2.5, -3],
    [0.49999999999999994, 0],
    [1e300, 1e300],
    [4503599627370495.5, 4503599627370496],
    [9007199254740992, 9007199254740992],
    // As IEEE 754 has it: 12.34 * 100 is 1234, 1.005 * 100 is 100.49999999999999, 8.165 * 100 is 816.4999999999999.
    [12.34 * 100, 1234],
    [1.005 * 100, 100],
    [8.165 * 100, 816],
    [19.99 * 100, 1999],
    [0.07 * 100, 7],
  ])("%d is %d", (value, rounded) => {
    expect(run("round(x)", { x: value })).toBe(rounded)
  })

  test("every amount in cents survives being a decimal", () => {
    const tree = parseExpression("int(round(x * 100))")
    for (let cents = 0; cents < 200_000; cents += 7) {
      expect(evaluate(tree, { x: cents / 100 }, createMeter())).toBe(cents)
    }
  })

  test("always gives a double", () => {
    expect(run("type(round(2)) == double && type(round(2u)) == double")).toBe(true)
  })
})

describe("sum()", () => {
  test.each([
    ["sum([])", 0],
    ["sum([1, 2, 3])", 6],
    ["sum([1, 2.5])", 3.5],
    ["sum([9007199254740991, 1])", "9007199254740992"],
    ["type(sum([])) == int && type(sum([1, 2])) == int && type(sum([1, 2.0])) == double", true],
  ])("%s", (source, value) => {
    expect(run(source)).toBe(value)
  })

  test("names the position of what is no number", () => {
    expect(() => run("sum([1, 'a'])")).toThrow("at position 1 is a string")
    expect(() => run("sum([null])")).toThrow("at position 0 is null")
    expect(() => run("sum('a')")).toThrow("not a string")
  })
})

describe("text functions", () => {
  test.each([
    ["join(['a', 1, 2.0, 2.5, true], ', ')", "a, 1, 2, 2.5, true"],
    ["join([], ', ')", ""],
    ["lower('ÄÖÜ ß İ')", "äöü ß i̇"],
    ["upper('straße')", "STRASSE"],
    ["base64('')", ""],
    ["base64('ab')", "YWI="],
    ["base64(b'\\xff\\xff\\xff')", "////"],
    ["base64('😀é')", "8J+YgMOp"],
    ["sha256hex('abc')", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    ["sha256hex('é') == sha256hex(b'é')", true],
    ["size('😀é')", 2],
    ["size(bytes('😀é'))", 6],
    ["string(bytes('😀é')) == '😀é'", true],
    ["'\\U0001F600' > '\\uFFEE'", true],
  ])("%s", (source, value) => {
    expect(run(source)).toBe(value)
  })

  test.each([
    "join([null], '')",
    "join([[1]], '')",
    "join(['a'], 1)",
    "lower(1)",
    "string(b'\\xff')",
    "string(b'\\xc0\\x80')",
    "string(b'\\xe0\\x80\\x80')",
    "string(b'\\xed\\xa0\\x80')",
  ])("%s is an error", (source) => {
    expect(() => run(source)).toThrow(ExpressionError)
  })
})

describe("json_parse()", () => {
  test("reads JSON, with numbers as doubles", () => {
    expect(run(`json_parse('{"a": [1, null, "x"]}')`)).toEqual({ a: [1, null, "x"] })
    expect(run("type(json_parse('1')) == double")).toBe(true)
  })

  test("changes no digit: what a double does not hold stays text", () => {
    expect(run(`json_parse('[9007199254740993, 1e999, 0.1, "9007199254740993"]')`)).toEqual([
      "9007199254740993",
      "1e999",
      0.1,
      "9007199254740993",
    ])
  })

  test("does not quote what is no JSON", () => {
    expect(() => run("json_parse('secret')")).toThrow(/^json_parse\('secret'\): the string is not JSON$/)
  })

  test("reads a long text up to the limit of a value", () => {
    const text = `"${"a".repeat(256 * 1024 - 2)}"`
    expect(run("size(json_parse(t))", { t: text })).toBe(256 * 1024 - 2)
    expect(() => run("json_parse(t)", { t: `${text} ` })).toThrow("longer than 262144")
  })
})

describe("merge()", () => {
  test("takes the second one's entries over the first one's, not deep", () => {
    expect(run("merge({'a': {'x': 1}, 'b': 2}, {'a': {'y': 3}})")).toEqual({ a: { y: 3 }, b: 2 })
    expect(run("merge({'a': 1}, {1: 2})")).toEqual({ a: 1, 1: 2 })
    expect(() => run("merge({}, [])")).toThrow("merge takes two maps, not a list")
  })
})
