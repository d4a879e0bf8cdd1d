import { describe, expect, test } from "vitest"
import { parseExpression } from "../flow/parse-expression.ts"
import { ExpressionError } from "./error.ts"
import { evaluate } from "./evaluate.ts"
import { createMeter } from "./meter.ts"

const scope = {
  params: { amount: 12.34, note: null, quantity: 3, name: "Ann", tags: ["a", "b"], empty: {} },
  tasks: {
    pay: { status: "success", output: { payment_id: "p1", lines: [{ sku: "x", price: 2.5, quantity: 2 }] } },
    "a-b": { output: 1 },
    skipped: { status: "skipped", output: null },
  },
}

function run(source: string): unknown {
  return evaluate(parseExpression(source), scope, createMeter())
}

function fail(source: string): ExpressionError {
  try {
    run(source)
  } catch (error) {
    if (error instanceof ExpressionError) return error
    throw error
  }
  throw new Error(`${source} has a value`)
}

describe("evaluate()", () => {
  test.each([
    ["tasks.pay.output.payment_id", "p1"],
    ["tasks['a-b'].output", 1],
    ["params.amount > 10.0 ? 'big' : 'small'", "big"],
    ["tasks.pay.output.lines.map(l, l.price * l.quantity)", [5]],
    ["tasks.pay.output.lines.filter(l, l.price > 3)", []],
    ["{'n': params.name, 'tags': params.tags + ['c']}", { n: "Ann", tags: ["a", "b", "c"] }],
    ["'a' in params.tags && size(params.name) == 3", true],
    ["has(params.note) && !has(params.missing)", true],
  ])("%s", (source, value) => {
    expect(run(source)).toEqual(value)
  })

  test("hands on data that needs no conversion without copying it", () => {
    expect(run("tasks.pay.output")).toBe(scope.tasks.pay.output)
    expect(run("[tasks.pay.output]")).toEqual([scope.tasks.pay.output])
  })

  test("changes neither the scope nor the tree", () => {
    const frozen = deepFreeze(structuredClone(scope))
    const tree = deepFreeze(parseExpression("params.tags.map(t, t + '!') + [params.tags, {'n': 1}, -0.0]"))
    expect(evaluate(tree, frozen, createMeter())).toEqual(["a!", "b!", ["a", "b"], { n: 1 }, 0])
  })

  test("gives the same for the same, error messages included", () => {
    for (const source of ["params.tags.map(t, sha256hex(t))", "params.nope", "params.amount % 2"]) {
      const once = attempt(source)
      expect(attempt(source)).toBe(once)
    }
  })

  function attempt(source: string): string {
    try {
      return JSON.stringify(run(source))
    } catch (error) {
      return String(error)
    }
  }
})

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null)
    for (const member of Object.values(value)) deepFreeze(member)
  return Object.freeze(value)
}

describe("numbers", () => {
  test.each([
    ["int(round(params.amount * 100))", 1234],
    ["params.quantity * 2 + 1", 7],
    ["params.quantity / 2", 1.5],
    ["7 / 2", 3],
    ["-7 / 2", -3],
    ["-7 % 2", -1],
    ["int(params.quantity) % 2", 1],
    ["params.quantity == 3 && params.quantity < 4u", true],
    ["9007199254740991", 9007199254740991],
    ["9007199254740992", "9007199254740992"],
    ["-9223372036854775808", "-9223372036854775808"],
    ["18446744073709551615u", "18446744073709551615"],
    ["9007199254740991 + 2", "9007199254740993"],
    ["9007199254740993 - 9007199254740992", 1],
    ["4611686018427387904 * 2 - 1 == 9223372036854775807 ? 1 : 0", undefined],
    ["3037000500 * 3037000499", "9223372033963249500"],
    ["0 * -1", 0],
    ["{1: 'a', 2u: 'b', true: 'c'}", { 1: "a", 2: "b", true: "c" }],
  ])("%s", (source, value) => {
    if (value === undefined) expect(fail(source).code).toBe("overflow")
    else expect(run(source)).toEqual(value)
  })

  test("a zero has no sign once it leaves", () => {
    expect(Object.is(run("-0.0"), 0)).toBe(true)
    expect(Object.is(run("round(-0.2)"), 0)).toBe(true)
    expect(run("string(1.0 / -0.0)")).toBe("-Infinity")
  })

  test("bytes leave as base64", () => {
    expect(run("[b'', b'a', b'ab', b'abc', b'\\xff\\xfe']")).toEqual(["", "YQ==", "YWI=", "YWJj", "//4="])
  })
})

describe("coalesce()", () => {
  test.each([
    ["coalesce(params.missing, 'd')", "d"],
    ["coalesce(params.note, 'd')", "d"],
    ["coalesce(params.name, 'd')", "Ann"],
    ["coalesce(params.missing.deeper.still, 'd')", "d"],
    ["coalesce(tasks.skipped.output.payment_id, 'd')", "d"],
    ["coalesce(params['missing'], 'd')", "d"],
    ["coalesce(params.tags[7], 'd')", "d"],
    ["coalesce(tasks.pay.output.lines[0].sku, 'd')", "x"],
    ["coalesce(params.missing + 1, 5)", 5],
    ["coalesce(coalesce(params.missing, params.note), 'd')", "d"],
    ["coalesce(params.tags.map(t, t.x), [])", undefined],
    ["coalesce(false, true)", false],
  ])("%s", (source, value) => {
    if (value === undefined) expect(fail(source).code).toBe("type_mismatch")
    else expect(run(source)).toEqual(value)
  })

  test("absorbs nothing but what is missing", () => {
    expect(fail("coalesce(nope, 1)").code).toBe("unknown_name")
    expect(fail("coalesce(1 / 0, 1)").code).toBe("division_by_zero")
    expect(fail("coalesce(params.name.x, 1)").code).toBe("type_mismatch")
    expect(fail("coalesce(params.note, params.missing)").code).toBe("missing_field")
  })

  test("is the only one that does", () => {
    expect(fail("has(params.missing.x)").code).toBe("missing_field")
    expect(fail("has(tasks.skipped.output.x)").code).toBe("missing_field")
    expect(fail("params.missing == null").code).toBe("missing_field")
  })
})

describe("ExpressionError", () => {
  test.each([
    [
      "tasks.pay.output.id",
      "missing_field",
      'tasks.pay.output.id: there is no "id"; there are payment_id, lines',
    ],
    ["tasks.skipped.output.id", "missing_field", 'tasks.skipped.output.id: there is no "id" in null'],
    ["params.empty.x", "missing_field", 'params.empty.x: there is no "x"; the map is empty'],
    ["params.name.x", "type_mismatch", 'params.name.x: a string has no fields, so no "x"'],
    ["params.tags[2]", "index_out_of_range", "params.tags[2]: there is no such position in a list of 2"],
    [
      "params.tags['x']",
      "type_mismatch",
      "params.tags['x']: a list is indexed by a whole number, not by a string",
    ],
    ["task.x", "unknown_name", "task: there is no such name here; known are params, tasks"],
    [
      "1 + (params.name + params.note)",
      "type_mismatch",
      "params.name + params.note: + does not take a string and null",
    ],
    [
      "params.quantity % 2",
      "type_mismatch",
      "params.quantity % 2: % takes two ints, not a double and an int; numbers from JSON are doubles: int(x) makes an int",
    ],
    ["1 / (2 - 2)", "division_by_zero", "1 / (2 - 2): an integer is divided by zero"],
    [
      "9223372036854775807 + 1",
      "overflow",
      "9223372036854775807 + 1: the result does not fit in a 64-bit int",
    ],
    ["params.amount / 0", "not_json", "params.amount / 0: the result is Infinity, which JSON cannot hold"],
    ["type(params)", "not_json", "type(params): the result holds a type, which JSON cannot hold"],
    ["{'a': 1, 'a': 2}", "duplicate_key", "{…}: a key of the map is given twice"],
    ["{1: 1, '1': 2}", "duplicate_key", "{…}: two keys of the result are the same text in JSON"],
    ["params.name && true", "type_mismatch", "params.name && true: && takes a bool, not a string"],
    [
      "params.note ? 1 : 2",
      "type_mismatch",
      "params.note ? 1 : 2: the condition of ? : takes a bool, not null",
    ],
    ["params.tags.filter(t, t)", "type_mismatch", "t: the condition of a macro takes a bool, not a string"],
    [
      "params.name.map(t, t)",
      "type_mismatch",
      "params.name.map(t, …): a macro takes a list or a map, not a string",
    ],
    [
      "int(params.name)",
      "invalid_argument",
      "int(params.name): the string is no whole number that fits an int",
    ],
  ])("%s", (source, code, message) => {
    const error = fail(source)
    expect([error.code, error.message]).toEqual([code, message])
  })

  test("never quotes a value, which may be secret", () => {
    const secret = "hunter2"
    for (const source of [
      "int(s)",
      "s.x",
      "s + 1",
      "json_parse(s)",
      "{'a': 1}[s]",
      "[1][s]",
      "s ? 1 : 2",
      "sum([s])",
    ]) {
      const tree = parseExpression(source)
      expect(() => evaluate(tree, { s: secret }, createMeter())).toThrow(ExpressionError)
      expect(() => evaluate(tree, { s: secret }, createMeter())).not.toThrow(secret)
    }
  })

  test("names an absorbed error when it surfaces after all", () => {
    expect(fail("params.tags.all(t, t != 'a' || 1 / 0 == 1)").message).toBe(
      "1 / 0: an integer is divided by zero",
    )
    expect(fail("(1 / 0 == 1 || size(params.tags) == 3) ").message).toBe(
      "1 / 0: an integer is divided by zero",
    )
  })

  test("what no JSON holds is refused, not thrown about", () => {
    for (const value of [
      Symbol("x"),
      1n,
      () => 1,
      Number.NaN,
      [Number.POSITIVE_INFINITY],
      { a: undefined },
    ]) {
      expect(() => evaluate(parseExpression("v"), { v: value }, createMeter())).toThrow(ExpressionError)
    }
  })
})
