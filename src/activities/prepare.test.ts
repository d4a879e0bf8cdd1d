import { afterEach, beforeEach, expect, test, vi } from "vitest"
import { AttemptAborted } from "./call.ts"
import { prepare } from "./prepare.ts"

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const BUDGET_MS = 10_000

function startWatch() {
  const controller = new AbortController()
  const endsAt = Date.now() + BUDGET_MS
  return { controller, signal: controller.signal, leftMs: () => endsAt - Date.now() }
}

test("work that fails is tried again until it succeeds", async () => {
  const work = vi.fn<() => Promise<void>>(() => Promise.resolve()).mockRejectedValueOnce(new Error("away"))
  const prepared = prepare(work, startWatch())
  await vi.advanceTimersByTimeAsync(1_000)
  await expect(prepared).resolves.toBeUndefined()
  expect(work).toHaveBeenCalledTimes(2)
})

test("work that goes on failing leaves half of the time, and says why nothing was sent", async () => {
  const watch = startWatch()
  const work = vi.fn<() => Promise<void>>(() => Promise.reject(new Error("away")))
  const prepared = prepare(work, watch).then((verdict) => ({ verdict, leftMs: watch.leftMs() }))
  await vi.advanceTimersByTimeAsync(BUDGET_MS)
  const { verdict, leftMs } = await prepared
  expect(verdict).toMatchObject({ class: "not_executed", code: "settings_unavailable" })
  expect(verdict?.message).toContain("so nothing was sent: away")
  expect(leftMs).toBeGreaterThanOrEqual(BUDGET_MS * 0.5)
  expect(leftMs).toBeLessThan(BUDGET_MS * 0.6)
})

test("work that does not end is left when the attempt is", async () => {
  const watch = startWatch()
  const work = () => new Promise<void>(() => {})
  const prepared = prepare(work, watch)
  watch.controller.abort(new AttemptAborted("attempt_timeout", "no end within 10000 ms"))
  await expect(prepared).resolves.toMatchObject({ class: "not_executed", code: "attempt_timeout" })
})
