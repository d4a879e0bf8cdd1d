import { describe, expect, test } from "vitest"
import { parseTemplate } from "../flow/parse-template.ts"
import { ExpressionError } from "./error.ts"
import { createMeter } from "./meter.ts"
import { render } from "./render.ts"

const scope = { params: { n: 5, x: 2.5, s: "text", yes: true, nothing: null, list: [1], map: { a: 1 } } }

function run(value: unknown): unknown {
  return render(parseTemplate(value), scope, createMeter())
}

describe("render()", () => {
  test("keeps the type of a whole-string expression", () => {
    expect(
      run({
        n: "${ params.n }",
        list: "${params.list}",
        nothing: "${ params.nothing }",
        yes: "${params.yes}",
      }),
    ).toEqual({ n: 5, list: [1], nothing: null, yes: true })
  })

  test.each([
    ["n=${ params.n }", "n=5"],
    ["${ params.n }${ params.s }", "5text"],
    ["${ 5.0 } ", "5 "],
    ["${ params.x } ${ -0.0 } ${ 1e21 }", "2.5 0 1e+21"],
    ["${ 9007199254740993 }!", "9007199254740993!"],
    ["${ params.yes } ${ 7u }", "true 7"],
    ["$${ params.n } costs $5", "${ params.n } costs $5"],
    ["a ${ {'b': '}'}.b } c", "a } c"],
  ])("%s", (value, text) => {
    expect(run(value)).toBe(text)
  })

  test.each([
    [
      "${ params.nothing }!",
      "params.nothing: null cannot stand in a text: give it a default with coalesce(x, default)",
    ],
    [
      "${ params.list }!",
      "params.list: a list cannot stand in a text: join(list, separator) makes one of it",
    ],
    ["${ params.map }!", "params.map: a map cannot stand in a text"],
    ["${ b'a' }!", "b'…': bytes cannot stand in a text: string(x) or base64(x) makes one of it"],
    ["${ params.n / 0 }!", "params.n / 0: Infinity cannot stand in a text"],
    [
      "${ params.missing }!",
      'params.missing: there is no "missing"; there are n, x, s, yes, nothing, list, map',
    ],
  ])("%s is an error", (value, message) => {
    expect(() => run(value)).toThrow(new ExpressionError("type_mismatch", message).message)
    expect(() => run(value)).toThrow(ExpressionError)
  })

  test("keeps the order of keys and lists, and what is nested in them", () => {
    const value = { z: ["${ 1 }", { y: "${ [2] }" }, "c"], a: { b: { c: "${ 'd' }" } }, k: [], o: {} }
    expect(JSON.stringify(run(value))).toBe('{"z":[1,{"y":[2]},"c"],"a":{"b":{"c":"d"}},"k":[],"o":{}}')
  })

  test("hands on constants as they are stored", () => {
    const template = parseTemplate({ fixed: [1, { a: "$${x}" }], live: "${ 1 }" })
    const first = render(template, scope, createMeter())
    const second = render(template, scope, createMeter())
    expect(first).toEqual({ fixed: [1, { a: "${x}" }], live: 1 })
    expect((first as { fixed: unknown }).fixed).toBe((second as { fixed: unknown }).fixed)
  })

  test("survives the plan's way through JSON", () => {
    const value = { a: ["[", "$", ["'", 1]], b: "${ ['+', -0.0, b'a', 18446744073709551615u, 1e999 > 1.0] }" }
    const template = JSON.parse(JSON.stringify(parseTemplate(value)))
    expect(render(template, scope, createMeter())).toEqual(run(value))
  })
})
