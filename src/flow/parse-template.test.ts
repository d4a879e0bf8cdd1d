import { describe, expect, test } from "vitest"
import { MAX_TEMPLATE_DEPTH, parseTemplate, TemplateError } from "./parse-template.ts"

const X = ["v", "x"]

describe("parseTemplate()", () => {
  test.each<[unknown, unknown]>([
    [null, null],
    [true, true],
    [1.5, 1.5],
    ["text", "text"],
    ["", ""],
    ["${ x }", ["$", X]],
    ["${x}", ["$", X]],
    [" ${x}", ["+", " ", X, ""]],
    ["${x} ", ["+", "", X, " "]],
    ["${x}${x}", ["+", "", X, "", X, ""]],
    ["a ${ x } b ${ x }", ["+", "a ", X, " b ", X, ""]],
    [{ a: 1 }, ["'", { a: 1 }]],
    [{}, ["'", {}]],
    [
      [1, "a", null],
      ["'", [1, "a", null]],
    ],
    [
      [["${x}"], []],
      ["[", ["[", ["$", X]], ["'", []]],
    ],
    [
      { a: "${x}", b: { c: [1] }, d: { e: "${x}" } },
      { a: ["$", X], b: ["'", { c: [1] }], d: { e: ["$", X] } },
    ],
    // A list of the author's is never taken for an expression.
    [
      ["$", ["v", "x"]],
      ["'", ["$", ["v", "x"]]],
    ],
  ])("%j", (value, template) => {
    expect(parseTemplate(value)).toEqual(template)
  })

  test.each([
    ["$${x}", "${x}"],
    ["a $${ b", "a ${ b"],
    ["$$${x}", "$${x}"],
    ["$", "$"],
    ["$5 {x} $$", "$5 {x} $$"],
  ])("%s is a literal", (value, literal) => {
    expect(parseTemplate(value)).toBe(literal)
    expect(parseTemplate([value])).toEqual(["'", [literal]])
    expect(parseTemplate([value, "${x}"])).toEqual(["[", literal, ["$", X]])
  })

  test("an escape and an expression in one text", () => {
    expect(parseTemplate("$${x} is ${x}, $${y}")).toEqual(["+", "${x} is ", X, ", ${y}"])
    expect(parseTemplate("${x}$${y}")).toEqual(["+", "", X, "${y}"])
  })

  test.each<[string, unknown]>([
    ["${ {'a': 1} }", ["m", ["s", "a"], ["i", 1]]],
    ["${ {'a': {'b': {}}} }", ["m", ["s", "a"], ["m", ["s", "b"], ["m"]]]],
    ["${ '}' }", ["s", "}"]],
    ['${ "}${" }', ["s", "}${"]],
    ["${ '\\'}' }", ["s", "'}"]],
    ["${ '''a'}''' }", ["s", "a'}"]],
    ['${ """a"}""" }', ["s", 'a"}']],
    ["${ r'\\' + '}' }", ["c", "_+_", ["s", "\\"], ["s", "}"]]],
    ["${ R'}\\' }", ["s", "}\\"]],
    ["${ b'}' }", ["y", "fQ=="]],
    ["${ x // } ' \n }", X],
  ])("finds the end of %s", (value, tree) => {
    expect(parseTemplate(value)).toEqual(["$", tree])
    expect(parseTemplate(`<${value}>`)).toEqual(["+", "<", tree, ">"])
  })

  test("names every problem with its place", () => {
    const value = {
      fine: "${ x }",
      open: "${ x",
      string: "a ${ '} }",
      list: ["ok", "${ nope(1) }", { "a/b~c": "${ 1 + } and ${ }" }],
      "key ${ x }": 1,
      wrong: undefined,
    }
    try {
      parseTemplate(value)
      expect.unreachable()
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error
      expect(error.problems.map(({ pointer, message }) => [pointer, message.slice(0, 40)])).toEqual([
        ["/open", "${ at character 1 has no closing }; for "],
        ["/string", "${ at character 3 has no closing }; for "],
        ["/list/1", "in ${ nope(1) }: there is no function no"],
        ["/list/2/a~1b~0c", "in ${ 1 + }: not valid CEL from characte"],
        ["/list/2/a~1b~0c", "in ${  }: the expression is empty"],
        ["/key ${ x }", "a key cannot hold an expression: build s"],
        ["/wrong", "a undefined is no JSON value"],
      ])
      expect(error.message).toContain("/open: ${ at character 1")
    }
  })

  test("takes 64 levels and no more", () => {
    const nest = (levels: number): unknown => (levels === 0 ? "${ x }" : [nest(levels - 1)])
    expect(parseTemplate(nest(MAX_TEMPLATE_DEPTH))).toHaveLength(2)
    expect(() => parseTemplate(nest(MAX_TEMPLATE_DEPTH + 1))).toThrow("nested deeper than 64 levels")
  })

  test("does not touch or share the value it compiles", () => {
    const value = Object.freeze({ a: Object.freeze([Object.freeze({ b: "c" })]) })
    const template = parseTemplate(value)
    expect(template).toEqual(["'", value])
    expect(Array.isArray(template) && template[1] === value).toBe(false)
  })
})
