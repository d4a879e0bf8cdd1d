import { describe, expect, test } from "vitest"
import type { BulkPace, BulkPhase, BulkProgress } from "../contract/bulk.ts"
import { newPhase, nextStep, skipPause } from "./bulk-pace.ts"

const PACE: BulkPace = { velocity: 20, canary: 5, stop_above: 0.2, settle_ms: 60_000 }

function at(pending: number, sent: number, [settled, failed]: [number, number]): BulkProgress {
  return { pending, sent, recent: { sent, settled, failed }, stuck: false }
}

describe("a canary", () => {
  test("is sent at once, and its results are awaited before the rest goes on", () => {
    const phase = newPhase(PACE)
    expect(nextStep(PACE, phase, at(1_000, 0, [0, 0]), 0)).toEqual({ kind: "advance", after_ms: 0, limit: 5 })
    expect(nextStep(PACE, phase, at(995, 5, [0, 0]), 0)).toMatchObject({ kind: "advance", limit: 0 })
    expect(nextStep(PACE, phase, at(995, 1, [4, 0]), 0)).toMatchObject({ kind: "advance", limit: 0 })
    expect(nextStep(PACE, phase, at(995, 0, [5, 0]), 100)).toEqual({
      kind: "advance",
      after_ms: 150,
      limit: 20,
    })
  })

  test("takes more where some were refused, which say nothing of the target", () => {
    const phase = newPhase(PACE)
    nextStep(PACE, phase, at(1_000, 0, [0, 0]), 0)
    expect(nextStep(PACE, phase, at(995, 2, [0, 0]), 0)).toMatchObject({ limit: 3 })
  })

  test.each([
    [1, "advance"],
    [2, "stop"],
  ])("of five with %i failures: %s", (failed, kind) => {
    expect(nextStep(PACE, newPhase(PACE), at(995, 0, [5, failed]), 0).kind).toBe(kind)
  })

  test("of one that fails stops the job", () => {
    const pace = { ...PACE, canary: 1 }
    expect(nextStep(pace, newPhase(pace), at(9, 0, [1, 1]), 0)).toMatchObject({ kind: "stop" })
  })

  test("without results in time stops the job", () => {
    const phase = newPhase(PACE)
    nextStep(PACE, phase, at(995, 5, [0, 0]), 0)
    expect(nextStep(PACE, phase, at(995, 5, [0, 0]), 59_999)).toMatchObject({ kind: "advance", after_ms: 1 })
    expect(nextStep(PACE, phase, at(995, 5, [0, 0]), 60_000)).toEqual({
      kind: "stop",
      reason: "5 of the decisions have not led to a result within 60 s",
    })
  })

  test("is no faster than the rest, however many are refused", () => {
    const pace = { ...PACE, velocity: 2 }
    const phase = newPhase(pace)
    const waits = [0, 10, 20].map((now) => nextStep(pace, phase, at(900, 0, [0, 0]), now))
    expect(waits).toEqual([
      { kind: "advance", after_ms: 0, limit: 2 },
      { kind: "advance", after_ms: 990, limit: 2 },
      { kind: "advance", after_ms: 1_980, limit: 2 },
    ])
  })

  test("after a stop is one of its own, whatever still hangs from before", () => {
    const hanging = { pending: 90, sent: 7, recent: { sent: 0, settled: 0, failed: 0 }, stuck: false }
    expect(nextStep(PACE, newPhase(PACE), hanging, 0)).toMatchObject({ limit: 5 })
  })
})

describe("what cannot be asked", () => {
  test.each([true, false])(
    "is tried again, more and more slowly, and then stops the job (canary: %s)",
    (in_canary) => {
      const phase = { ...newPhase(PACE), in_canary }
      const stuck = { ...at(90, 0, [0, 0]), stuck: true }
      const first = nextStep(PACE, phase, stuck, 0)
      expect(first).toEqual({ kind: "advance", after_ms: 250, limit: in_canary ? 5 : 20 })
      expect(nextStep(PACE, phase, stuck, 1_000)).toMatchObject({ kind: "advance", after_ms: 375 })
      expect(nextStep(PACE, phase, stuck, 60_000)).toEqual({
        kind: "stop",
        reason: "nothing more could be decided for 60 s: Temporal, or the next transactions, do not answer",
      })
    },
  )

  test("is forgotten with the first that can", () => {
    const phase = newPhase(PACE)
    nextStep(PACE, phase, { ...at(90, 0, [0, 0]), stuck: true }, 0)
    nextStep(PACE, phase, at(88, 2, [0, 0]), 50_000)
    expect(nextStep(PACE, phase, { ...at(88, 2, [0, 0]), stuck: true }, 100_000)).toMatchObject({
      kind: "advance",
    })
  })
})

describe("what is stuck", () => {
  const asked = (asked: number, stuck: boolean) => ({ ...at(90, 0, [0, 0]), stuck, asked })
  const begin = () => {
    const phase = newPhase(PACE)
    nextStep(PACE, phase, asked(3, true), 0)
    return phase
  }

  test("is so still where a run goes on, which begins with a look that asks nothing", () => {
    // As it travels to the next run.
    const phase = JSON.parse(JSON.stringify(begin())) as BulkPhase
    expect(nextStep(PACE, phase, asked(3, false), 30_000)).toMatchObject({ kind: "advance", after_ms: 375 })
    expect(nextStep(PACE, phase, asked(3, true), 60_000)).toMatchObject({ kind: "stop" })
  })

  test("is so no longer when one more was asked", () => {
    const phase = begin()
    nextStep(PACE, phase, asked(4, false), 30_000)
    expect(nextStep(PACE, phase, asked(4, true), 60_000)).toMatchObject({ kind: "advance" })
  })

  test("has its time apart from a pause", () => {
    const phase = begin()
    skipPause(phase, 3_600_000)
    expect(nextStep(PACE, phase, asked(3, false), 3_659_999)).toMatchObject({ kind: "advance", after_ms: 1 })
    expect(nextStep(PACE, phase, asked(3, true), 3_660_000)).toMatchObject({ kind: "stop" })
  })

  test("is forgotten by a look whose answer does not say how many were asked: it was recorded so", () => {
    const phase = newPhase(PACE)
    nextStep(PACE, phase, { ...at(90, 0, [0, 0]), stuck: true }, 0)
    expect(nextStep(PACE, phase, at(90, 0, [0, 0]), 60_000)).toMatchObject({ kind: "advance", after_ms: 0 })
  })
})

test("results have come in a pause, or have not: they are awaited no longer for it", () => {
  const phase = newPhase(PACE)
  nextStep(PACE, phase, { ...at(95, 5, [0, 0]), asked: 5 }, 0)
  skipPause(phase, 60_000)
  expect(nextStep(PACE, phase, { ...at(95, 5, [0, 0]), asked: 5 }, 60_000)).toMatchObject({ kind: "stop" })
})

describe("after the canary", () => {
  const running = () => ({ ...newPhase(PACE), in_canary: false })

  test("so many are sent in a second, whatever the sending takes", () => {
    const phase = running()
    const waits = [0, 100, 1_400, 2_900].map((now) => {
      const step = nextStep(PACE, phase, at(900, 0, [10, 0]), now)
      return step.kind === "advance" ? step.after_ms : step.kind
    })
    // The fourth is late, and does not make up for it.
    expect(waits).toEqual([0, 900, 600, 100])
  })

  test("fewer than one in a second has its distance", () => {
    const pace = { ...PACE, velocity: 0.5 }
    const phase = running()
    expect(nextStep(pace, phase, at(9, 0, [10, 0]), 0)).toEqual({ kind: "advance", after_ms: 0, limit: 1 })
    expect(nextStep(pace, phase, at(8, 0, [10, 0]), 500)).toEqual({
      kind: "advance",
      after_ms: 1_500,
      limit: 1,
    })
  })

  test("the last ones are all that is left", () => {
    expect(nextStep(PACE, running(), at(3, 0, [50, 0]), 0)).toMatchObject({ limit: 3 })
  })

  test("a target that hangs is not flooded", () => {
    const phase = running()
    expect(nextStep(PACE, phase, at(700, 190, [5, 0]), 0)).toMatchObject({ limit: 10 })
    expect(nextStep(PACE, phase, at(700, 200, [5, 0]), 0)).toMatchObject({ limit: 0 })
    expect(nextStep(PACE, phase, at(700, 200, [5, 0]), 60_000)).toMatchObject({ kind: "stop" })
  })

  test.each([
    [50, 10, "advance"],
    [50, 11, "stop"],
    [3, 1, "advance"],
  ])("of %i results %i failures: %s", (settled, failed, kind) => {
    expect(nextStep(PACE, running(), at(500, 0, [settled, failed]), 0).kind).toBe(kind)
  })

  test("what failed stops nothing when nothing is left to be sent", () => {
    expect(nextStep(PACE, running(), at(0, 0, [5, 5]), 0)).toEqual({ kind: "done", reason: null })
  })

  test("it is done when the results are in, or do not come", () => {
    const phase = running()
    expect(nextStep(PACE, phase, at(0, 2, [50, 0]), 0)).toMatchObject({ kind: "advance", limit: 0 })
    expect(nextStep(PACE, phase, at(0, 0, [50, 0]), 1_000)).toEqual({ kind: "done", reason: null })
    expect(nextStep(PACE, phase, at(0, 2, [50, 0]), 60_000)).toEqual({
      kind: "done",
      reason: "2 of the decisions have not led to a result within 60 s",
    })
  })
})
