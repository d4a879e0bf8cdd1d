import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { parseExactJson } from "./exact-json.ts"

describe("parseExactJson()", () => {
  test.each([
    ["9007199254740991", 9007199254740991],
    ["-9007199254740991", -9007199254740991],
    ["9007199254740992", "9007199254740992"],
    ["9007199254740993", "9007199254740993"],
    ["-9223372036854775808", "-9223372036854775808"],
    ["1e999", "1e999"],
    ["-1E+400", "-1E+400"],
    ["1e-999", "1e-999"],
    ["9007199254740993.0", "9007199254740993.0"],
    ["1234567890123456.7", "1234567890123456.7"],
    ["0.12345678901234567890", "0.12345678901234567890"],
    ["12345678901234.56", 12345678901234.56],
    ["0.1", 0.1],
    ["19.90", 19.9],
    ["1.50000000000000000000000", 1.5],
    ["0.000000000000000000000", 0],
    ["0e5", 0],
    ["100.0", 100],
    ["0.15E1", 1.5],
    ["1500.0e-3", 1.5],
    // Of 1321734445039998.25: JavaScript writes the shortest that is read as the same.
    ["1321734445039998.2", 1321734445039998.25],
    ["1e300", 1e300],
    ["5e-324", 5e-324],
    // What C's %.17g and Python's Decimal write for the double 0.1.
    ["0.10000000000000001", 0.1],
    ["0.1000000000000000055511151231257827", 0.1],
  ])("reads %s", (text, value) => {
    expect(parseExactJson(text)).toBe(value)
    expect(parseExactJson(`{"a":[${text},"${text}"]}`)).toEqual({ a: [value, text] })
  })

  test("leaves texts and keys alone, whatever they hold", () => {
    const text = String.raw`{"9007199254740993":"\"9007199254740993\\","b":["\\",9007199254740993,"1e999"]}`
    expect(parseExactJson(text)).toEqual({
      ["9007199254740993"]: String.raw`"9007199254740993\ `.trim(),
      b: ["\\", "9007199254740993", "1e999"],
    })
  })

  test.each(["{9007199254740993:1}", "[1 9007199254740993]", "01", "[1e999", "9007199254740993x", ""])(
    "refuses %s, which is no JSON",
    (text) => {
      expect(() => parseExactJson(text)).toThrow(SyntaxError)
    },
  )

  test("reads whatever JavaScript wrote as JSON.parse does, but for unsafe integers", () => {
    const doubles = fc.double({ noNaN: true, noDefaultInfinity: true })
    fc.assert(
      fc.property(doubles, (double) => {
        const text = JSON.stringify(double)
        const isUnsafe = /^-?\d+$/.test(text) && !Number.isSafeInteger(double)
        expect(parseExactJson(text)).toBe(isUnsafe ? text : JSON.parse(text))
      }),
    )
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(JSON.stringify(parseExactJson(text)).replace(/"(-?\d{16,})"/g, "$1")).toBe(
          JSON.stringify(JSON.parse(text)).replace(/"(-?\d{16,})"/g, "$1"),
        )
      }),
    )
  })

  test("a number comes out as a text or has all of its digits", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[1-9]\d{13,18}[1-9]$/), (digits) => {
        const token = `${digits}.0`
        const value = parseExactJson(token)
        return typeof value === "number" ? BigInt(value) === BigInt(digits) : value === token
      }),
    )
  })

  test("takes deep nesting and long numbers in their stride", () => {
    const depth = 200_000
    const deep = `${"[".repeat(depth)}9007199254740993${"]".repeat(depth)}`
    let value = parseExactJson(deep)
    while (Array.isArray(value)) value = value[0] as unknown
    expect(value).toBe("9007199254740993")
    const zeros = `0.${"0".repeat(250_000)}1`
    expect(parseExactJson(zeros)).toBe(zeros)
  })
})
