import { describe, expect, test } from "vitest"
import { MAX_JSON_DEPTH, MAX_JSON_KEYS, parseJson } from "./parse-json.ts"
import { ApiProblem } from "./problem.ts"

function flawOf(text: string) {
  try {
    parseJson(text)
    return undefined
  } catch (error) {
    return error instanceof ApiProblem ? (error.errors?.[0] ?? { detail: error.message }) : error
  }
}

describe("parseJson()", () => {
  test.each([
    "null",
    "-0.5e-3",
    '""',
    "[]",
    "{}",
    '{"a": {"a": {"a": [1, {"a": 2}]}}, "b": {"a": 1}}',
    '{"text": "{\\"a\\":1,\\"a\\":2}", "colon": "\\": ", "slash": "\\\\"}',
    '["a", "a", "__proto__", "constructor"]',
    '["\\ud83d\\ude00", "\\\\ud83d", "\\u0000"]',
    '{"proto": "__proto__", "x": ["prototype"]}',
    ' \n{ "spaced" \t: 1 , "out" : [ 1 , 2 ] } ',
    '{"big": 9007199254740991, "exact": 123456789012345, "long": 0.12345678901234567, "exp": 1e300}',
  ])("reads %s as JSON.parse does", (text) => {
    expect(parseJson(text)).toEqual(JSON.parse(text))
  })

  test("counts depth by open containers, not by what was closed", () => {
    const wide = JSON.stringify(Array.from({ length: 100 }, () => [[[]]]))
    expect(flawOf(wide)).toBeUndefined()
    expect(flawOf("[".repeat(MAX_JSON_DEPTH) + "]".repeat(MAX_JSON_DEPTH))).toBeUndefined()
    expect(flawOf("[".repeat(MAX_JSON_DEPTH + 1) + "]".repeat(MAX_JSON_DEPTH + 1))).toMatchObject({
      code: "too_deep",
    })
  })

  test("counts keys of all objects together", () => {
    const objects = (count: number) => JSON.stringify(Array.from({ length: count }, () => ({ a: 1 })))
    expect(flawOf(objects(MAX_JSON_KEYS))).toBeUndefined()
    expect(flawOf(objects(MAX_JSON_KEYS + 1))).toMatchObject({ code: "too_many_keys" })
  })

  test.each([
    ['{"a": 1, "a": 2}', { pointer: "/a", code: "duplicate_key" }],
    ['[{"x": 1}, {"y": {"z": 0, "z": 0}}]', { pointer: "/1/y/z", code: "duplicate_key" }],
    ['{"": 1, "\\u0000": 1, "": 2}', { pointer: "/", code: "duplicate_key" }],
    ['{"a~b": {"c/d": 1, "c/d": 1}}', { pointer: "/a~0b/c~1d", code: "duplicate_key" }],
    ['{"a": [0, 1, {"\\u005f\\u005fproto__": 1}]}', { pointer: "/a/2/__proto__", code: "forbidden_key" }],
    ["[1, [2, 9007199254740993]]", { pointer: "/1/1", code: "number_not_exact" }],
    ["-9007199254740993", { pointer: "", code: "number_not_exact" }],
    ['{"a": ["\\ud83d\\ude00", "x\\uD83Dx"]}', { pointer: "/a/1", code: "text_not_unicode" }],
    ['{"a": {"b\\udc00": 1}}', { pointer: "/a/b\uFFFD", code: "text_not_unicode" }],
    ['"\\ude00\\ud83d"', { pointer: "", code: "text_not_unicode" }],
    ['{"n": 1e999}', { pointer: "/n", code: "number_out_of_range" }],
    ['{"n": -1E9999999999999}', { pointer: "/n", code: "number_out_of_range" }],
  ])("refuses %s where it is", (text, flaw) => {
    expect(flawOf(text)).toMatchObject(flaw)
  })

  test("names the position of a syntax error and none of the body", () => {
    expect(flawOf('{"card": "4111 1111", oops}')).toEqual({
      detail: expect.stringMatching(/^The body is not JSON.* 22/),
    })
    expect(JSON.stringify(flawOf('{"card": "4111 1111", oops}'))).not.toContain("4111")
    expect(flawOf('{"a":')).toEqual({ detail: expect.stringContaining("is not JSON") })
  })
})
