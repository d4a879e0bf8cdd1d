import { describe, expect, test } from "vitest"
import type { Problem } from "./problem.ts"
import { readSource } from "./source.ts"

function read(definition: unknown): { value: unknown; problems: string[] } {
  const problems: Problem[] = []
  const value = readSource(definition, (problem) => problems.push(problem))
  return { value, problems: problems.map(({ code, pointer }) => `${code} ${pointer}`) }
}

describe("readSource()", () => {
  test("parses text and takes objects as they are", () => {
    expect(read('{"a":[1,null]}')).toEqual({ value: { a: [1, null] }, problems: [] })
    expect(read({ a: 1 })).toEqual({ value: { a: 1 }, problems: [] })
  })

  test("names line and column of a syntax error", () => {
    const problems: Problem[] = []
    readSource('{\n  "name": "x",\n  "tasks": [,]\n}', (problem) => problems.push(problem))
    expect(problems).toEqual([
      {
        pointer: "",
        code: "malformed_json",
        message: 'the definition is not valid JSON at line 3, column 13: expected a value or ], got ","',
      },
    ])
  })

  test("refuses a repeated key, of which JSON.parse would take the last", () => {
    expect(read('{"tasks":[],"tasks":[1]}').problems).toEqual(["malformed_json "])
  })

  test("refuses keys that name a part of every object, in text and in objects", () => {
    const text = '{"a":{"__proto__":{"x":1}},"constructor":1,"b":[{"prototype":1}]}'
    const found = ["forbidden_key /constructor", "forbidden_key /b/0/prototype", "forbidden_key /a/__proto__"]
    expect(read(text).problems.toSorted()).toEqual(found.toSorted())
    expect(read(JSON.parse(text)).problems.toSorted()).toEqual(found.toSorted())
  })

  test("refuses what is not JSON", () => {
    const value = { f: () => 1, u: undefined, n: NaN, d: new Date(0), big: 1n, ok: null }
    expect(read(value).problems.toSorted()).toEqual(
      ["/big", "/d", "/f", "/n", "/u"].map((at) => `not_json ${at}`),
    )
  })

  test("allows 32 levels", () => {
    const nested = (levels: number) => JSON.parse("[".repeat(levels) + "]".repeat(levels)) as unknown
    expect(read(nested(32)).problems).toEqual([])
    expect(read(nested(33)).problems).toEqual([`too_deep ${"/0".repeat(32)}`])
  })

  test("ends for a value that holds itself", () => {
    const value: Record<string, unknown> = {}
    value["self"] = value
    expect(read(value).problems).toEqual([`too_deep ${"/self".repeat(32)}`])
  })

  test("allows 1 MiB of UTF-8", () => {
    const limit = 1024 * 1024
    expect(read(`"${"x".repeat(limit - 2)}"`).problems).toEqual([])
    expect(read(`"${"x".repeat(limit - 1)}"`).problems).toEqual(["definition_too_large "])
    expect(read({ a: "é".repeat(limit / 2) }).problems).toEqual(["definition_too_large "])
  })
})
