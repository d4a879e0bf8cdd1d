import { describe, expect, test } from "vitest"
import { ExpressionSyntaxError, parseExpression, SOURCE_LIMITS } from "./parse-expression.ts"

function refuse(source: string): ExpressionSyntaxError {
  try {
    parseExpression(source)
  } catch (error) {
    if (error instanceof ExpressionSyntaxError) return error
    throw error
  }
  throw new Error(`${source} was accepted`)
}

describe("parseExpression()", () => {
  test.each<[string, unknown]>([
    ["null", ["n"]],
    ["true", ["b", true]],
    ["-5", ["i", -5]],
    ["9007199254740993", ["i", "9007199254740993"]],
    ["-9223372036854775808", ["i", "-9223372036854775808"]],
    ["0xFFu", ["u", 255]],
    ["18446744073709551615u", ["u", "18446744073709551615"]],
    ["1.5", ["d", 1.5]],
    ["-0.0", ["d", "-0"]],
    ["1e999", ["d", "Infinity"]],
    ["'a\\n'", ["s", "a\n"]],
    ["b'\\xff'", ["y", "/w=="]],
    ["a.b", ["f", ["v", "a"], "b"]],
    ["has(a.b)", ["h", ["v", "a"], "b"]],
    ["a['b']", ["c", "_[_]", ["v", "a"], ["s", "b"]]],
    ["a.startsWith('b')", ["c", "startsWith", ["v", "a"], ["s", "b"]]],
    ["a ? b : c", ["c", "_?_:_", ["v", "a"], ["v", "b"], ["v", "c"]]],
    ["[1, 2]", ["l", ["i", 1], ["i", 2]]],
    ["{'a': 1}", ["m", ["s", "a"], ["i", 1]]],
    [
      "l.all(x, x)",
      [
        "q",
        ["v", "l"],
        "x",
        "@result",
        ["b", true],
        ["c", "@not_strictly_false", ["v", "@result"]],
        ["c", "_&&_", ["v", "@result"], ["v", "x"]],
        ["v", "@result"],
      ],
    ],
  ])("%s", (source, tree) => {
    expect(parseExpression(source)).toEqual(tree)
  })

  test("every tree is JSON", () => {
    const tree = parseExpression("[-0.0, 1e999, 9223372036854775807, b'a', {1: null}, l.map(x, x > 1, x)]")
    expect(JSON.parse(JSON.stringify(tree))).toEqual(tree)
  })

  test.each([
    ["", "the expression is empty", 0],
    [" \n", "the expression is empty", 0],
    ["1 + nope(2)", "there is no function nope; known are all, base64,", 4],
    ["a.matches('b')", "there is no function matches: cel/1 has no regular expressions", 1],
    ["_x(1)", "there is no function _x", 0],
    ["size()", "size is written size(x); here it has 0 arguments", 0],
    ["size(1, 2)", "size is written size(x); here it has 2 arguments", 0],
    ["a.size(1)", "size is written size(x); here it has 1 argument", 1],
    ["coalesce(a)", "coalesce is written coalesce(x, default); here it has 1 argument", 0],
    ["a.coalesce(b)", "coalesce is written coalesce(x, default)", 1],
    ["startsWith(a, b)", "startsWith is written text.startsWith(prefix)", 0],
    ["a.contains()", "contains is written text.contains(part); here it has 0 arguments", 1],
    ["has(a)", "has is written has(value.field)", 0],
    ["l.map(1, x)", "map is written list.map(x, expression)", 1],
    ["l.all(x)", "all is written list.all(x, expression)", 1],
    ["Order{id: 1}", "Order{…} would build a protobuf message", 0],
    ["9223372036854775808", "9223372036854775808 does not fit in 64 bits", 0],
    ["1 + 18446744073709551616u", "18446744073709551616 does not fit in 64 bits", 4],
    ["1 +", "not valid CEL from character 3 on (`+`)", 2],
    ["(1", "the expression ends too early", 2],
    ["a b", "not valid CEL from character 3 on (`b`)", 2],
    ["for", "this is a reserved word", 0],
  ])("refuses %j", (source, message, offset) => {
    const error = refuse(source)
    expect(error.message).toContain(message)
    expect(error.offset).toBe(offset)
  })

  test("reads a source of 4,096 characters and no more", () => {
    const text = "a".repeat(SOURCE_LIMITS.characters - 2)
    expect(parseExpression(`'${text}'`)).toEqual(["s", text])
    expect(refuse(`'${text}a'`).message).toBe("an expression may have 4096 characters, this one has 4097")
  })

  test("reads 2,000 nodes and no more", () => {
    const members = (count: number) => `[${Array.from({ length: count }, () => "1").join(",")}]`
    expect(parseExpression(members(SOURCE_LIMITS.nodes - 1))).toHaveLength(SOURCE_LIMITS.nodes)
    expect(refuse(members(SOURCE_LIMITS.nodes)).message).toBe("an expression may have 2000 nodes")
  })

  test("reads 64 levels and no more", () => {
    const path = (levels: number) => `a${".a".repeat(levels - 1)}`
    expect(parseExpression(path(SOURCE_LIMITS.depth))[0]).toBe("f")
    expect(refuse(path(SOURCE_LIMITS.depth + 1)).message).toBe("nested deeper than 64 levels")
  })

  test("counts brackets as levels too, but not those in strings and comments", () => {
    const round = (levels: number) => `${"(".repeat(levels)}1${")".repeat(levels)}`
    expect(parseExpression(round(SOURCE_LIMITS.depth))).toEqual(["i", 1])
    expect(refuse(round(SOURCE_LIMITS.depth + 1)).message).toBe("nested deeper than 64 levels")
    const brackets = "(".repeat(100)
    expect(parseExpression(`'${brackets}' + r"${brackets}" // ${brackets}`)[0]).toBe("c")
  })
})
