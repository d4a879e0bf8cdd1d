import { describe, expect, test } from "vitest"
import type { FieldType, InputField } from "../contract/input-fields.ts"
import { convertInput, getConvertedInput } from "./convert-input.ts"

const convert = (type: FieldType, value: unknown) => {
  const { value: converted, problems } = convertInput([{ name: "x", type }], { x: value })
  return problems.length === 0 ? converted["x"] : problems[0]?.message
}

describe("convertInput()", () => {
  test.each<[FieldType, unknown, unknown]>([
    ["string", "a", "a"],
    ["string", 5, "5"],
    ["string", true, "true"],
    ["int", 99, 99],
    ["int", "99", 99],
    ["int", "-0", 0],
    ["int64", "+7", 7],
    ["int64", "9223372036854775807", "9223372036854775807"],
    ["float", "1.50", 1.5],
    ["float64", 2, 2],
    ["float", "1e3", 1000],
    ["bool", "true", true],
    ["bool", "0", false],
    ["object", { a: 1 }, { a: 1 }],
    ["array", [1, "a"], [1, "a"]],
    ["[]string", ["a", 1], ["a", "1"]],
    ["[]int", ["1", 2], [1, 2]],
    ["[]float", ["1.5", 2], [1.5, 2]],
    ["time", "2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"],
    ["time", "2024-02-29T23:59:59.123456789+08:00", "2024-02-29T23:59:59.123456789+08:00"],
    ["time", "2026-01-31 12:00:00", "2026-01-31 12:00:00"],
    ["time", "2026-01-31", "2026-01-31"],
    ["bool", "F", false],
    ["object", '{"a": [1]}', { a: [1] }],
    ["array", "[1, 2]", [1, 2]],
    ["[]string", "a", ["a"]],
    ["[]int", "", []],
    ["*", [{ a: null }], [{ a: null }]],
  ])("%s takes %j as %j", (type, value, expected) => {
    expect(convert(type, value)).toEqual(expected)
  })

  test.each<[FieldType, unknown, string]>([
    ["string", { a: 1 }, "x must be text, got an object"],
    ["int", 99.5, "x must be a whole number, got a number with a fraction"],
    ["int", "99.5", "x must be a whole number, got text that is none"],
    ["int", "", "x must be a whole number, got text that is none"],
    ["int", 2 ** 53, "x must be a whole number, got a number"],
    ["int64", "9223372036854775808", "x must be a whole number, got text that is none"],
    ["int", true, "x must be a whole number, got true or false"],
    ["float", "1,5", "x must be a number, got text that is none"],
    ["float", "NaN", "x must be a number, got text that is none"],
    ["float", "1e999", "x must be a number, got text that is none"],
    ["bool", 1, "x must be true or false, got a number"],
    ["object", [], "x must be an object, got a list"],
    ["array", {}, "x must be a list, got an object"],
    ["[]int", 5, "x must be a list of whole numbers, got a number"],
    ["[]int", [1, null, "b"], "x/1 must be a whole number, got nothing"],
    ["time", "2026-02-30T12:00:00Z", "x must be a time such as 2026-01-31T12:00:00Z, got text that is none"],
    ["time", "31.1.2026", "x must be a time such as 2026-01-31T12:00:00Z, got text that is none"],
    ["object", "[1]", "x must be an object, got text that is none"],
    ["array", "[".repeat(5_000) + "]".repeat(5_000), "x must be a list, got text that is none"],
    ["time", "2026-01-31T25:00:00Z", "x must be a time such as 2026-01-31T12:00:00Z, got text that is none"],
  ])("%s refuses %j", (type, value, expected) => {
    expect(convert(type, value)).toBe(expected)
  })

  const fields: InputField[] = [
    { name: "user", type: "string", required: true },
    { name: "amount", type: "int", required: true },
    { name: "currency", type: "string", default: "EUR" },
    { name: "note", type: "string" },
  ]

  test("drops what is not declared, fills in defaults, and leaves out what has none", () => {
    expect({ ...convertInput(fields, { user: "u", amount: "5", note: null, more: 1 }).value }).toEqual({
      user: "u",
      amount: 5,
      currency: "EUR",
    })
  })

  test("finds every problem, each with its path", () => {
    const { problems } = convertInput([...fields, { name: "ids", type: "[]int" }], {
      user: null,
      amount: 1.5,
      ids: [1, "x"],
    })
    expect(problems.map(({ path, code }) => [path.join("/"), code])).toEqual([
      ["user", "required"],
      ["amount", "wrong_type"],
      ["ids/1", "wrong_type"],
    ])
  })

  test("reads no member of a prototype", () => {
    const { problems } = convertInput([{ name: "toString", type: "*", required: true }], {})
    expect(problems).toMatchObject([{ code: "required" }])
  })

  test.each([null, "text", [1]])("an input that is %j is no object", (input) => {
    expect(convertInput(fields, input).problems).toMatchObject([{ path: [], code: "wrong_type" }])
  })
})

describe("getConvertedInput()", () => {
  test("tells all problems in one error", () => {
    const message = "amount is missing; user must be text, got a list"
    const fields: InputField[] = [
      { name: "amount", type: "int", required: true },
      { name: "user", type: "string" },
    ]
    expect(() => getConvertedInput(fields, { user: [] })).toThrow(
      expect.objectContaining({ code: "input_invalid", message }) as Error,
    )
  })
})
