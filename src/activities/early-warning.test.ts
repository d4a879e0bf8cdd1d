import { afterEach, describe, expect, test, vi } from "vitest"
import type { EarlyWarning } from "../contract/messages.ts"
import { createTrial, done, failed, failureOf } from "./attempt-trial.testsuite.ts"
import type { Verdict } from "./call.ts"

const rule = { early_warning: { attempts: 3, after_ms: 120_000 } }
/** The trial's call was handed out a long time ago, unless said. */
const recent = () => ({ scheduledTimestampMs: Date.now(), currentAttemptScheduledTimestampMs: Date.now() })

function trialOf(answer: Parameters<typeof createTrial>[0], info: Parameters<typeof createTrial>[1] = {}) {
  const warnings: EarlyWarning[] = []
  const warn = (warning: EarlyWarning) => {
    warnings.push(warning)
    return Promise.resolve()
  }
  return { warnings, ...createTrial(answer, { ...recent(), ...info }, { warn }) }
}

afterEach(() => {
  vi.useRealTimers()
})

describe("early warning of an attempt", () => {
  const away: Verdict = failed({
    class: "not_executed",
    code: "ECONNREFUSED",
    message: "s3cret-value is away",
  })

  test.each([
    [2, []],
    [3, [{ task: "pay", operation: "do", generation: 2, code: "ECONNREFUSED", message: expect.any(String) }]],
  ])("attempt %i that failed", async (attempt, expected) => {
    const trial = trialOf(() => away, {
      attempt,
      heartbeatDetails: { attempt: attempt - 1, clean: true },
    })
    await failureOf(trial.run(rule))
    expect(trial.warnings).toEqual(expected)
    expect(JSON.stringify(trial.warnings)).not.toContain("s3cret")
    expect(trial.heartbeats.at(-1)).toEqual({
      attempt,
      clean: true,
      ...(expected.length > 0 ? { warned: true } : {}),
    })
  })

  test("is told once: the marker says so, and keeps what it said", async () => {
    const memo = { replayed: { digest: "d", times: 1 } }
    const first = trialOf(() => failed({ class: "unknown" }), {
      attempt: 3,
      heartbeatDetails: { attempt: 2, clean: false, memo },
    })
    await failureOf(first.run(rule))
    expect(first.warnings).toHaveLength(1)
    const marker = first.heartbeats.at(-1)
    expect(marker).toEqual({ attempt: 2, clean: false, memo, warned: true })
    const second = trialOf(() => away, { attempt: 4, heartbeatDetails: marker })
    await failureOf(second.run(rule))
    expect(second.warnings).toEqual([])
    expect(second.heartbeats).toEqual([{ attempt: 4, clean: false, memo, warned: true }])
  })

  test.each<[string, Verdict, object]>([
    ["a refusal, which is the end", failed({ class: "refused" }), rule],
    ["a success", done, rule],
    ["a target that works on it", failed({ class: "ongoing" }), rule],
    ["a call that nobody wants to hear of", away, {}],
    ["the last attempts", away, { early_warning: { after_ms: 120_000 } }],
  ])("%s tells nobody", async (_name, verdict, input) => {
    const trial = trialOf(() => verdict, { attempt: 3 })
    await trial.run(input).catch(() => undefined)
    expect(trial.warnings).toEqual([])
  })

  test("one that is under way when the time has come", async () => {
    vi.useFakeTimers()
    let end = (_verdict: Verdict) => {}
    const trial = trialOf(() => new Promise((resolve) => (end = resolve)))
    const running = trial.run({ early_warning: { attempts: 3, after_ms: 5_000 } })
    await vi.advanceTimersByTimeAsync(4_900)
    expect(trial.warnings).toEqual([])
    await vi.advanceTimersByTimeAsync(200)
    expect(trial.warnings).toMatchObject([{ code: "slow_call" }])
    end(done)
    await expect(running).resolves.toMatchObject({ output: { id: 1 } })
  })

  test("what cannot be sent is logged, and the attempt ends as it would", async () => {
    const warn = () => Promise.reject(new Error("away"))
    const trial = createTrial(() => away, { ...recent(), attempt: 3 }, { warn })
    expect((await failureOf(trial.run(rule))).detail).toMatchObject({ code: "ECONNREFUSED" })
    await vi.waitFor(() => expect(trial.logged).toEqual(["a warning was not sent"]))
  })
})
