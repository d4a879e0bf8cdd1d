import { describe, expect, test } from "vitest"
import { EFFECTS } from "../contract/statuses.ts"
import { type Ending, toApplicationFailure } from "./failure.ts"

const ending = (more: Partial<Ending>): Ending => ({
  class: "unknown",
  code: "HTTP_503",
  message: "answered 503",
  outcome: "unknown",
  ...more,
})

describe("toApplicationFailure()", () => {
  test("carries code, class and folded outcome", () => {
    const failure = toApplicationFailure(ending({ class: "not_executed", outcome: "unknown" }), {
      effect: "keyed",
    })
    expect(failure).toMatchObject({ type: "HTTP_503", message: "answered 503", nonRetryable: false })
    expect(failure.details).toEqual([{ class: "not_executed", outcome: "unknown", code: "HTTP_503" }])
  })

  test("shows an ongoing call as unknown", () => {
    expect(toApplicationFailure(ending({ class: "ongoing" }), { effect: "keyed" }).details).toEqual([
      { class: "unknown", outcome: "unknown", code: "HTTP_503" },
    ])
  })

  test.each(EFFECTS)("never repeats a refused or misconfigured call (effect %s)", (effect) => {
    expect(
      toApplicationFailure(ending({ class: "refused", outcome: "rejected" }), { effect }).nonRetryable,
    ).toBe(true)
    expect(
      toApplicationFailure(ending({ class: "misconfigured", outcome: "not_executed" }), { effect })
        .nonRetryable,
    ).toBe(true)
  })

  test("repeats an unknown call unless it is unsafe", () => {
    for (const effect of EFFECTS)
      expect(toApplicationFailure(ending({}), { effect }).nonRetryable, effect).toBe(effect === "unsafe")
  })

  test("a next attempt that only asks comes whatever the effect; one that the connector does not want never", () => {
    for (const effect of EFFECTS) {
      const next = (word: "poll" | "none") =>
        toApplicationFailure(ending({ class: "ongoing", next: word }), { effect }).nonRetryable
      expect(next("poll"), effect).toBe(false)
      expect(next("none"), effect).toBe(true)
    }
  })

  test("repeats an unsafe call after a proven not_executed only", () => {
    const clean = ending({ class: "not_executed", outcome: "not_executed" })
    expect(toApplicationFailure(clean, { effect: "unsafe" }).nonRetryable).toBe(false)
    expect(toApplicationFailure({ ...clean, outcome: "unknown" }, { effect: "unsafe" }).nonRetryable).toBe(
      true,
    )
  })

  test("passes the target's wish on, clamped", () => {
    const delay = (retryAfterMs: number) =>
      toApplicationFailure(ending({ retryAfterMs }), { effect: "keyed" }).nextRetryDelay
    expect(delay(7_000)).toBe(7_000)
    expect(delay(0)).toBeUndefined()
    expect(delay(86_400_000)).toBe(240_000)
    expect(toApplicationFailure(ending({}), { effect: "keyed" }).nextRetryDelay).toBeUndefined()
  })

  test("cuts a long message", () => {
    expect(
      toApplicationFailure(ending({ message: "x".repeat(5_000) }), { effect: "keyed" }).message.length,
    ).toBeLessThan(1_100)
  })
})
