import { describe, expect, test } from "vitest"
import { attemptBudgetMs, clampRetryAfterMs } from "./attempt-time.ts"

describe("attemptBudgetMs()", () => {
  test.each([
    [30_000, 29_000],
    [5_000, 4_500],
    [1_000, 900],
    [200, 150],
    [40, 1],
    [0, 29_000],
    // 24 days, a timer's most, and ten years.
    [2_147_483_647, 2_147_482_647],
    [315_360_000_000, 2_147_482_647],
  ])("of a %d ms timeout is %d ms", (timeout, budget) => {
    expect(attemptBudgetMs(timeout)).toBe(budget)
  })
})

describe("clampRetryAfterMs()", () => {
  test.each([
    [-5, undefined],
    [0, undefined],
    [0.4, undefined],
    [1_499.6, 1_500],
    [240_000, 240_000],
    [86_400_000, 240_000],
  ])("of %d is %s", (asked, granted) => {
    expect(clampRetryAfterMs(asked)).toBe(granted)
  })
})
