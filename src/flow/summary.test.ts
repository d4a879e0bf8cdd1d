import { describe, expect, test } from "vitest"
import { toSummary } from "./summary.ts"

describe("toSummary()", () => {
  test("keeps 200 bytes", () => {
    expect(toSummary("x".repeat(200))).toHaveLength(200)
    expect(toSummary("x".repeat(201))).toHaveLength(200)
  })

  test("cuts between characters", () => {
    expect(toSummary("x".repeat(199) + "é")).toBe("x".repeat(199))
    expect(toSummary("扣".repeat(67))).toBe("扣".repeat(66))
    expect(toSummary("x".repeat(197) + "💥")).toBe("x".repeat(197))
  })

  test("has nothing for nothing", () => {
    expect(toSummary(undefined)).toBeUndefined()
    expect(toSummary("")).toBeUndefined()
  })
})
