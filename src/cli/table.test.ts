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
