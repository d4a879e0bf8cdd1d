import { describe, expect, test } from "vitest"
import { MAX_JSON_DEPTH } from "./parse-json.ts"
import { readDefinition } from "./read-definition.ts"

const tasks = [{ id: "a" }]

describe("readDefinition()", () => {
  test("keeps the source as it was sent and judges it under the outer name", () => {
    expect(
      readDefinition({ name: "order", definition: { tasks }, flow_type: "t", create_user: "me" }),
    ).toEqual({
      source: '{"tasks":[{"id":"a"}]}',
      source_kind: "object",
      value: { name: "order", tasks },
      pointer: "/definition",
      description: "",
      flow_type: "t",
      user: "me",
    })
  })

  test("keeps text to the character", () => {
    const definition = ' {"tasks" : [{"id":"a"}], "description": "inner"}\n'
    expect(readDefinition({ name: "order", definition })).toMatchObject({
      source: definition,
      source_kind: "string",
      value: { name: "order", tasks, description: "inner" },
      description: "inner",
    })
  })

  test("takes a body with tasks as the definition, without what it carries beside", () => {
    expect(
      readDefinition({ name: "order", tasks, description: "d", flow_type: "t", updated_user: "me" }),
    ).toMatchObject({
      source: '{"name":"order","tasks":[{"id":"a"}],"description":"d"}',
      pointer: "",
      description: "d",
      flow_type: "t",
      user: "me",
    })
  })

  test("leaves to the flow language what is no object at all", () => {
    for (const definition of ["{oops", "[]", "1", "null", '"text"', 7, [], null, true]) {
      expect(readDefinition({ name: "order", definition }).value).toEqual(definition)
    }
  })

  test("refuses in text what a body may not hold either, at its place in the request", () => {
    const definition = '{"name": "order", "tasks": [{"id": "a", "id": "b"}]}'
    expect(() => readDefinition({ definition })).toThrow(
      expect.objectContaining({
        word: "malformed_json",
        errors: [expect.objectContaining({ pointer: "/definition/tasks/0/id", code: "duplicate_key" })],
      }),
    )
    const deepest = `{"x": ${"[".repeat(MAX_JSON_DEPTH - 1)}${"]".repeat(MAX_JSON_DEPTH - 1)}}`
    expect(readDefinition({ definition: deepest }).source).toBe(deepest)
    expect(() => readDefinition({ definition: `{"x": [${deepest}]}` })).toThrow("Nesting ends")
  })

  test("refuses two names, but not one of a wrong type", () => {
    expect(() => readDefinition({ name: "a", definition: { name: "b", tasks } })).toThrow(
      'named "a" and its definition "b"',
    )
    expect(() => readDefinition({ name: "a", definition: '{"name":"b"}' })).toThrow("named")
    expect(readDefinition({ name: "a", definition: { name: "a", tasks } }).value).toEqual({
      name: "a",
      tasks,
    })
    expect(readDefinition({ name: "a", definition: { name: 7, tasks } }).value).toEqual({ name: 7, tasks })
  })

  test("replaces in a description what Postgres cannot hold", () => {
    expect(readDefinition({ definition: { description: "a\0b" } }).description).toBe("a\uFFFDb")
    expect(readDefinition({ definition: { description: 7 } }).description).toBe("")
  })
})
