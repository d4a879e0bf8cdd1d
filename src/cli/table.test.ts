import { describe, expect, test } from "vitest"
import { formatTable } from "./table.ts"

describe("formatTable()", () => {
  test("pads to the widest cell and leaves no blanks at the end", () => {
    expect(
      formatTable(
        ["task", "status"],
        [
          ["announce", "ok"],
          ["pay", "parked"],
        ],
      ),
    ).toBe("task      status\nannounce  ok\npay       parked")
  })

  test.each(["𠀀", "🚚", "❤️", "👩‍💻"])("counts %s as two", (wide) => {
    expect(formatTable(["a", "b"], [[wide, "x"]])).toBe(`a   b\n${wide}  x`)
  })

  test("lets no control character through", () => {
    expect(formatTable(["why"], [["\u001B[2Jgone\nline"]])).toBe("why\n [2Jgone line")
  })

  test("counts a Chinese character as two", () => {
    expect(
      formatTable(
        ["a", "b"],
        [
          ["扣款", "x"],
          ["pay", "y"],
        ],
      ),
    ).toBe("a     b\n扣款  x\npay   y")
  })
})
