import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { AttemptAborted } from "./call.ts"
import { patiently, startPatience } from "./patience.ts"

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function startAttempt(budgetMs = 10_000) {
  const controller = new AbortController()
  const endsAt = Date.now() + budgetMs
  return { controller, signal: controller.signal, leftMs: () => endsAt - Date.now() }
}
const away = () => Promise.reject<void>(new Error("away"))
const silent = () => new Promise<void>(() => {})

/** How it ends, and what is left of the attempt then. */
async function endOf(attempt: ReturnType<typeof startAttempt>, work: () => Promise<void>) {
  const patience = startPatience(attempt)
  const message = await patiently(work, patience.signal).then(
    () => "done",
    (thrown: Error) => thrown.message,
  )
  patience.stop()
  return { message, leftMs: attempt.leftMs() }
}

describe("patiently()", () => {
  test("tries again until it succeeds", async () => {
    const work = vi.fn<() => Promise<void>>(() => Promise.resolve()).mockImplementationOnce(away)
    const ended = endOf(startAttempt(), work)
    await vi.advanceTimersByTimeAsync(1_000)
    await expect(ended).resolves.toMatchObject({ message: "done" })
    expect(work).toHaveBeenCalledTimes(2)
    expect(vi.getTimerCount()).toBe(0)
  })

  test.each([
    ["fails", away, "away"],
    ["does not end", silent, "no answer within 5000 ms"],
  ])("leaves half of the attempt where the work %s", async (_how, work, message) => {
    const ended = endOf(startAttempt(), work)
    await vi.advanceTimersByTimeAsync(10_000)
    await expect(ended).resolves.toEqual({ message, leftMs: 5_000 })
  })

  test("holds no place for longer than half a minute", async () => {
    const ended = endOf(startAttempt(3_600_000), away)
    await vi.advanceTimersByTimeAsync(60_000)
    await expect(ended).resolves.toEqual({ message: "away", leftMs: 3_570_000 })
  })

  test.each([
    ["between two tries", away],
    ["during one", silent],
  ])("ends at once when the attempt is cancelled %s, and tries no more", async (_when, work) => {
    const attempt = startAttempt()
    const tries = vi.fn<() => Promise<void>>(work)
    const ended = endOf(attempt, tries)
    await vi.advanceTimersByTimeAsync(100)
    attempt.controller.abort(new AttemptAborted("attempt_cancelled", "cancelled"))
    await expect(ended).resolves.toEqual({ message: "cancelled", leftMs: 9_900 })
    await vi.advanceTimersByTimeAsync(5_000)
    expect(tries).toHaveBeenCalledTimes(1)
  })
})
