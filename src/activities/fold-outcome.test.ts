import { describe, expect, test } from "vitest"
import { OUTCOMES } from "../contract/statuses.ts"
import type { Outcome } from "../contract/statuses.ts"
import { type Finding, findMarker, foldOutcome, outcomeBefore } from "./fold-outcome.ts"

/** Design 4.1, every class over every outcome before. `=` keeps what was known. */
const TABLE: [name: string, finding: Finding, after: (before: Outcome) => Outcome][] = [
  ["done", { class: "done" }, () => "executed"],
  [
    "not_executed",
    { class: "not_executed" },
    (before) => (before === "unknown" ? "unknown" : "not_executed"),
  ],
  ["refused", { class: "refused" }, (before) => (before === "unknown" ? "unknown" : "rejected")],
  ["refused behind a barrier", { class: "refused", barrier: true }, () => "rejected"],
  ["unknown", { class: "unknown" }, () => "unknown"],
  ["ongoing", { class: "ongoing" }, () => "unknown"],
  [
    "misconfigured",
    { class: "misconfigured" },
    (before) => (before === "not_started" ? "not_executed" : before),
  ],
  ["misconfigured, effect unknown", { class: "misconfigured", left: "unknown" }, () => "unknown"],
  ["misconfigured, effect executed", { class: "misconfigured", left: "executed" }, () => "executed"],
]

describe("foldOutcome()", () => {
  for (const [name, finding, after] of TABLE)
    test.each(OUTCOMES)(`${name} after %s`, (before) => {
      expect(foldOutcome(before, finding)).toBe(after(before))
    })

  test("keeps an unknown through any number of clean failures and refusals", () => {
    const story: Finding[] = [{ class: "unknown" }, { class: "not_executed" }, { class: "refused" }]
    expect(story.reduce(foldOutcome, "not_started" as Outcome)).toBe("unknown")
  })
})

const first = {
  attempt: 1,
  scheduledTimestampMs: 1_000,
  currentAttemptScheduledTimestampMs: 1_000,
  heartbeatDetails: undefined,
}
const later = { ...first, attempt: 3, currentAttemptScheduledTimestampMs: 9_000 }

describe("outcomeBefore()", () => {
  test("is the prior outcome on the first dispatch, whatever details there are", () => {
    for (const prior of OUTCOMES) expect(outcomeBefore(prior, first)).toBe(prior)
    expect(outcomeBefore(undefined, first)).toBe("not_started")
    expect(outcomeBefore("unknown", { ...first, heartbeatDetails: { attempt: 0, clean: true } })).toBe(
      "unknown",
    )
  })

  test("is not_executed after the clean marker of the attempt right before", () => {
    expect(outcomeBefore("not_started", { ...later, heartbeatDetails: { attempt: 2, clean: true } })).toBe(
      "not_executed",
    )
  })

  test.each([
    ["no marker", undefined],
    ["an older marker", { attempt: 1, clean: true }],
    ["a marker of its own number", { attempt: 3, clean: true }],
    ["a marker that is not clean", { attempt: 2, clean: false }],
    ["foreign details", { progress: 2 }],
    ["a text", "2"],
    ["null", null],
    ["a number as text", { attempt: "2", clean: true }],
  ])("is unknown with %s", (_name, heartbeatDetails) => {
    expect(outcomeBefore("not_started", { ...later, heartbeatDetails })).toBe("unknown")
  })

  test("is unknown on the attempt 1 of an activity that was reset", () => {
    const reset = { ...first, currentAttemptScheduledTimestampMs: 5_000 }
    expect(outcomeBefore("not_executed", reset)).toBe("unknown")
    expect(outcomeBefore("not_executed", { ...reset, heartbeatDetails: { attempt: 4, clean: true } })).toBe(
      "unknown",
    )
  })
})

describe("findMarker()", () => {
  test("takes our own shape only", () => {
    expect(findMarker({ attempt: 2, clean: true, more: 1 })).toEqual({ attempt: 2, clean: true })
    for (const details of [undefined, null, 7, "x", [], {}, { attempt: 1 }, { clean: true }])
      expect(findMarker(details)).toBeUndefined()
  })
})
