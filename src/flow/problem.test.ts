import { describe, expect, test } from "vitest"
import { inDocumentOrder, pointerTo, quote } from "./problem.ts"

describe("pointerTo()", () => {
  test("escapes as RFC 6901 has it", () => {
    expect(pointerTo("/tasks", 2, "a/b~c")).toBe("/tasks/2/a~1b~0c")
  })
})

describe("quote()", () => {
  test.each([
    ["pay", '"pay"'],
    [5, "the number 5"],
    [true, "true"],
    [null, "null"],
    [undefined, "nothing"],
    [[1], "a list"],
    [{ a: 1 }, "an object"],
  ])("%j", (value, text) => {
    expect(quote(value)).toBe(text)
  })

  test("cuts long text between characters", () => {
    expect(quote("x".repeat(61))).toBe(`"${"x".repeat(60)}…"`)
    expect(quote("x".repeat(59) + "💥y")).toBe(`"${"x".repeat(59)}…"`)
  })
})

describe("inDocumentOrder()", () => {
  const document = { name: "x", tasks: Array.from({ length: 12 }, () => ({ id: "a", "b/c": 1 })), output: 1 }
  const at = (...pointers: string[]) => pointers.map((pointer) => ({ pointer, code: "c", message: pointer }))

  test("goes by the document's own order, missing members last", () => {
    const problems = at(
      "/output",
      "/tasks/10/id",
      "/tasks/2/zz",
      "/tasks/2/b~1c",
      "/tasks/2",
      "/nope",
      "",
      "/name",
    )
    expect(inDocumentOrder(problems, document).map(({ pointer }) => pointer)).toEqual([
      "",
      "/name",
      "/tasks/2",
      "/tasks/2/b~1c",
      "/tasks/2/zz",
      "/tasks/10/id",
      "/output",
      "/nope",
    ])
  })

  test("drops repeats and keeps the order at one place", () => {
    const problems = [...at("/name"), { pointer: "/name", code: "a", message: "z" }, ...at("/name")]
    expect(inDocumentOrder(problems, document).map(({ code }) => code)).toEqual(["c", "a"])
  })
})
