import { describe, expect, test } from "vitest"
import { checkParamsSchema } from "./params-schema.ts"
import type { Problem } from "./problem.ts"

function check(schema: Record<string, unknown>): Problem[] {
  const problems: Problem[] = []
  checkParamsSchema(schema, (problem) => problems.push(problem))
  return problems
}
const codesOf = (schema: Record<string, unknown>) =>
  check(schema).map(({ code, pointer }) => `${code} ${pointer.replace("/params_schema", "")}`)

describe("checkParamsSchema()", () => {
  test.each([
    {},
    {
      type: "object",
      required: ["a"],
      properties: { a: { type: "string", pattern: "^[A-Z]{2}\\d+$", format: "email" } },
    },
    {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      prefixItems: [{ type: "string" }],
      "x-note": 1,
    },
    {
      $schema: "http://json-schema.org/draft-07/schema#",
      items: [{ type: "string" }],
      definitions: { a: { const: 1 } },
    },
    { $schema: "http://json-schema.org/draft-07/schema" },
    {
      $id: "https://shop.example/order",
      $defs: { a: { $ref: "#/$defs/b" }, b: true },
      properties: { a: { $ref: "#/$defs/a" } },
    },
    {
      properties: {
        $ref: { type: "string" },
        enum: { $ref: "#/properties/const" },
        const: { type: "number" },
      },
    },
    { enum: [{ $ref: "http://elsewhere.example" }], default: { $ref: 1 } },
  ])("takes %j", (schema) => {
    expect(codesOf(schema)).toEqual([])
  })

  test.each([
    [{ type: "strng" }, ["schema_invalid /type"]],
    [
      { properties: { a: { minLength: -1 }, b: { required: "a" } } },
      ["schema_invalid /properties/a/minLength", "schema_invalid /properties/b/required"],
    ],
    [{ exclusiveMinimum: true }, ["schema_invalid /exclusiveMinimum"]],
    [{ $schema: "http://json-schema.org/draft-04/schema#" }, ["unknown_dialect /$schema"]],
    [{ $schema: 7 }, ["unknown_dialect /$schema"]],
    [{ $ref: "http://elsewhere.example/schema" }, ["remote_ref /$ref"]],
    [{ $ref: "other.json#/a" }, ["remote_ref /$ref"]],
    [{ properties: { a: { $ref: "#/$defs/nope" } } }, ["unresolved_ref /properties/a/$ref"]],
    [{ $ref: "#/%E0%A4%A" }, ["unresolved_ref /$ref"]],
    [{ $ref: "#/toString" }, ["unresolved_ref /$ref"]],
    [{ properties: { a: { $ref: "#" } } }, ["recursive_schema /properties/a/$ref"]],
    [
      { $defs: { a: { items: { $ref: "#/$defs/b" } }, b: { not: { $ref: "#/$defs/a" } } } },
      ["recursive_schema /$defs/b/not/$ref"],
    ],
    [{ $async: true }, ["unsupported /$async"]],
    [{ $dynamicRef: "#a" }, ["unsupported /$dynamicRef"]],
    [{ properties: { a: { $id: "b" } } }, ["unsupported /properties/a/$id"]],
    [{ pattern: "(a" }, ["invalid_pattern /pattern"]],
    [{ pattern: "^(?=a)" }, ["invalid_pattern /pattern"]],
    [{ pattern: "(a)\\1" }, ["invalid_pattern /pattern"]],
    [{ pattern: "x".repeat(1_001) }, ["invalid_pattern /pattern"]],
    [
      { items: { patternProperties: { "((a{100}){100}){100}": true } } },
      ["invalid_pattern /items/patternProperties/((a{100}){100}){100}"],
    ],
  ])("refuses %j", (schema, problems) => {
    expect(codesOf(schema)).toEqual(problems)
  })

  test("says what was expected and what came", () => {
    expect(check({ type: "strng" })[0]?.message).toContain(
      'array, boolean, integer, null, number, object, string; got "strng"',
    )
  })

  const chain = (length: number, order: "forward" | "backward") => {
    const links = Array.from(
      { length },
      (_, at) => [`d${at}`, { allOf: [{ $ref: `#/$defs/d${at + 1}` }] }] as const,
    )
    const definitions = [...links, [`d${length}`, true] as const]
    return { $defs: Object.fromEntries(order === "forward" ? definitions : definitions.toReversed()) }
  }

  test("follows 64 references from one to the next, in whatever order they stand", () => {
    expect(codesOf(chain(64, "forward"))).toEqual([])
    expect(codesOf(chain(64, "backward"))).toEqual([])
    expect(codesOf(chain(65, "forward"))).toEqual(["schema_too_deep /$defs/d64/allOf/0/$ref"])
    expect(codesOf(chain(65, "backward"))).toEqual(["schema_too_deep /$defs/d0/allOf/0/$ref"])
    for (const order of ["forward", "backward"] as const) {
      const codes = codesOf(chain(10_000, order)).map((found) => found.split(" ")[0])
      expect(new Set(codes)).toEqual(new Set(["schema_too_deep"]))
    }
  })

  test("counts definitions only where they are used", () => {
    const definitions = Object.fromEntries(Array.from({ length: 6_000 }, (_, at) => [`d${at}`, {}]))
    expect(codesOf({ $defs: definitions })).toEqual([])
    expect(codesOf({ properties: definitions })).toEqual(["schema_too_large "])
  })

  test("refuses references that double at every step, in no time", () => {
    const defs = Object.fromEntries(
      Array.from({ length: 40 }, (_, at) => [
        `d${at}`,
        { anyOf: [{ $ref: `#/$defs/d${at + 1}` }, { $ref: `#/$defs/d${at + 1}` }] },
      ]),
    )
    const problems = codesOf({ $defs: { ...defs, d40: { type: "string" } }, $ref: "#/$defs/d0" })
    expect(problems).toEqual(["schema_too_large "])
  })
})
