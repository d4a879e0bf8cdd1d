/** An output that is kept by reference: handed on whole, never looked into. */
import { describe, expect, test } from "vitest"
import { parseExpression } from "../flow/parse-expression.ts"
import { convertInput, getConvertedInput } from "./convert-input.ts"
import { ExpressionError } from "./error.ts"
import { evaluate } from "./evaluate.ts"
import { createMeter } from "./meter.ts"
import { Reference } from "./values.ts"

const big = new Reference("big", { sha256: "ab".repeat(32), bytes: 3_000_000, type: "object" })
const scope = { tasks: { big: { status: "success", output: big } }, n: 1 }
const value = (source: string) => evaluate(parseExpression(source), scope, createMeter())

function failureOf(source: string): ExpressionError {
  try {
    value(source)
  } catch (thrown) {
    if (thrown instanceof ExpressionError) return thrown
    throw thrown
  }
  throw new Error(`${source} has a value`)
}

describe("Reference", () => {
  test.each([
    ["tasks.big.output", big],
    ["{'a': [tasks.big.output]}", { a: [big] }],
    ["coalesce(tasks.big.output, {})", big],
    ["n == 1 ? tasks.big.output : null", big],
    ["[1, 2].map(x, tasks.big.output)", [big, big]],
    ["merge({'a': tasks.big.output}, {'b': 'c'})", { a: big, b: "c" }],
    ["[tasks.big.output] + ['x']", [big, "x"]],
    ["size([tasks.big.output])", 1],
    ["has(tasks.big.output)", true],
    ["tasks.big.status", "success"],
    ["has(tasks.big.error)", false],
  ])("%s is handed on whole", (source, wanted) => {
    expect(JSON.stringify(value(source))).toBe(JSON.stringify(wanted))
  })

  test.each([
    "tasks.big.output.id",
    "tasks.big.output['id']",
    "tasks.big.output[0]",
    "coalesce(tasks.big.output.id, 'none')",
    "coalesce(tasks.big.output[0], 'none')",
    "has(tasks.big.output.id)",
    "size(tasks.big.output)",
    "type(tasks.big.output) == map",
    "tasks.big.output == {}",
    "{} != tasks.big.output",
    "[tasks.big.output] == [{}]",
    "[{}] == [tasks.big.output]",
    "{} in [tasks.big.output]",
    "'id' in tasks.big.output",
    "tasks.big.output < 3",
    "tasks.big.output + 'x'",
    "string(tasks.big.output)",
    "merge(tasks.big.output, {})",
    "json_parse(tasks.big.output)",
  ])("%s fails, and says of which task and what to do", (source) => {
    const { code, message } = failureOf(source)
    expect(code).toBe("kept_by_reference")
    expect(message).toContain("the output of task big")
    expect(message).toContain("3000000 bytes")
    expect(message).toContain('"output" of big')
  })

  test.each([
    "tasks.big.output ? 1 : 2",
    "tasks.big.output && true",
    "tasks.big.output.map(x, x)",
    "sum([tasks.big.output])",
    "join([tasks.big.output], ',')",
  ])("%s fails by its type, and says the same", (source) => {
    const { code, message } = failureOf(source)
    expect(code).toBe("type_mismatch")
    expect(message).toContain("3000000 bytes")
    expect(message).toContain('"output" of big')
  })

  test("data that looks like one is data", () => {
    const forged = { task: "big", output: { ...big.output }, kind: "reference" }
    expect(evaluate(parseExpression("x.output.bytes"), { x: forged }, createMeter())).toBe(3_000_000)
  })
})

describe("convertInput()", () => {
  const convert = (type: "object" | "array" | "string" | "*" | "[]string" | "int") =>
    convertInput([{ name: "x", type }], { x: big })

  test("hands on what is of the declared type", () => {
    for (const type of ["object", "*"] as const)
      expect(convert(type)).toMatchObject({ problems: [], value: { x: big } })
  })

  test.each(["array", "string", "[]string", "int"] as const)("refuses it for %s", (type) => {
    const [problem] = convert(type).problems
    expect(problem).toMatchObject({ code: "wrong_type", path: ["x"] })
    expect(problem?.message).toContain("the output of task big")
  })

  test("refuses it as the whole input, of which members are declared", () => {
    expect(() => getConvertedInput([{ name: "x", type: "int" }], big)).toThrow(
      /must be an object, got the output of task big/,
    )
  })
})
