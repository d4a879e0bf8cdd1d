import { describe, expect, test } from "vitest"
import { createNearest, findNearest } from "./nearest.ts"

describe("findNearest()", () => {
  test.each([
    ["depend_on", "depends_on"],
    ["dependsOn", "depends_on"],
    ["cofnig", "config"],
    ["Config", "config"],
    ["confg", "config"],
    ["idd", "id"],
  ])("takes %s for %s", (name, meant) => {
    expect(findNearest(name, ["id", "config", "depends_on", "retry"])).toBe(meant)
  })

  test("has no answer for what is far from all", () => {
    expect(findNearest("banana", ["id", "config"])).toBeUndefined()
    expect(findNearest("ab", ["xy"])).toBeUndefined()
    expect(findNearest("x", [])).toBeUndefined()
  })

  test("prefers fewer edits, then the first", () => {
    expect(findNearest("paya", ["payments", "pay", "paye"])).toBe("pay")
  })
})

describe("createNearest()", () => {
  test("stops suggesting after 200 questions", () => {
    const nearest = createNearest()
    for (let question = 0; question < 200; question++) expect(nearest("pya", ["pay"])).toBe("pay")
    expect(nearest("pya", ["pay"])).toBeUndefined()
  })
})
