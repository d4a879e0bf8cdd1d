import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { findJsonFlaw, toLineAndColumn } from "./json-text.ts"

function where(text: string): string | undefined {
  const flaw = findJsonFlaw(text)
  return flaw === undefined ? undefined : `${flaw.offset}: ${flaw.message}`
}

describe("findJsonFlaw()", () => {
  test.each([
    ["", "0: expected a value, got the text ends"],
    ['{"a":tru}', '5: expected a value, got "t"'],
    ['{"a":1,}', '7: expected a key in double quotes, got "}"'],
    ["{'a':1}", '1: expected a key in double quotes or }, got "\'"'],
    ["[1,2", "4: expected , or ], got the text ends"],
    ["[1,]", '3: expected a value, got "]"'],
    ["[1}", '2: expected , or ], got "}"'],
    ['{"a" 1}', '5: expected :, got "1"'],
    ['{"a":1 "b":2}', '7: expected , or }, got "\\""'],
    ["1 2", '2: expected the end, got "2"'],
    ['"abc', "0: this text has no closing double quote"],
    ['"a\nb"', "2: a control character in a text must be written as an escape"],
    ['"a\\x"', "2: there is no such \\ escape in JSON"],
    ["01", '1: expected the end, got "1"'],
    ["-", '0: expected a value, got "-"'],
    ["[NaN]", '1: expected a value or ], got "N"'],
    ['{"a":1,"a":2}', '7: the key "a" is there twice'],
    ['{"a":{"b":1},"\\u0061":2}', '13: the key "\\u0061" is there twice'],
  ])("%s", (text, flaw) => {
    expect(where(text)).toBe(flaw)
  })

  test("takes what JSON.parse takes, but for repeated keys", () => {
    const pieces = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"a"',
      '"b"',
      "1",
      "-0.5e+3",
      "true",
      "null",
      " ",
      "\\",
      '"',
      "\n",
    )
    const texts = fc.oneof(
      fc.json(),
      fc.array(pieces).map((all) => all.join("")),
    )
    fc.assert(
      fc.property(texts, (text) => {
        const flaw = findJsonFlaw(text)
        return flaw?.message.includes("twice") === true || isJson(text) === (flaw === undefined)
      }),
      { numRuns: 2_000 },
    )
  })

  test("does not recurse into deep nesting", () => {
    const depth = 200_000
    expect(where("[".repeat(depth) + "]".repeat(depth))).toBeUndefined()
    expect(where("[".repeat(depth))).toBe(`${depth}: expected a value or ], got the text ends`)
  })
})

describe("toLineAndColumn()", () => {
  test("counts both from 1", () => {
    expect(toLineAndColumn("ab\ncd", 0)).toBe("line 1, column 1")
    expect(toLineAndColumn("ab\ncd", 4)).toBe("line 2, column 2")
  })
})

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
