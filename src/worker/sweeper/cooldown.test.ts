import { afterEach, describe, expect, test, vi } from "vitest"
import { createCooldown } from "./cooldown.ts"

afterEach(() => {
  vi.useRealTimers()
})

describe("createCooldown()", () => {
  test("leaves a key alone for longer after each failure, up to a limit", () => {
    vi.useFakeTimers()
    const cooldown = createCooldown({ firstMs: 100, longestMs: 300 })
    const coolsFor = () => {
      cooldown.fail("a")
      let ms = 0
      for (; cooldown.isCooling("a"); ms += 50) vi.advanceTimersByTime(50)
      return ms
    }
    expect([coolsFor(), coolsFor(), coolsFor(), coolsFor()]).toEqual([100, 200, 300, 300])
    cooldown.succeed("a")
    expect(coolsFor()).toBe(100)
    expect(cooldown.isCooling("b")).toBe(false)
  })

  test("tells who is cooling and whose turn it is, the one that waits longest first", () => {
    vi.useFakeTimers()
    const cooldown = createCooldown({ firstMs: 100, longestMs: 1_000 })
    cooldown.fail("often")
    cooldown.fail("often")
    cooldown.fail("early")
    vi.advanceTimersByTime(50)
    cooldown.fail("late")
    cooldown.fail("done")
    cooldown.succeed("done")
    expect(cooldown.failed()).toEqual({ cooling: ["early", "late", "often"], due: [] })
    vi.advanceTimersByTime(120)
    expect(cooldown.failed()).toEqual({ cooling: ["often"], due: ["early", "late"] })
    // Nobody tried them for an hour.
    vi.advanceTimersByTime(2 * 60 * 60_000)
    cooldown.fail("new")
    expect(cooldown.failed()).toEqual({ cooling: ["new"], due: [] })
  })

  test("does not last longer when the clock is set back", () => {
    vi.useFakeTimers()
    const cooldown = createCooldown({ firstMs: 100, longestMs: 300 })
    cooldown.fail("a")
    vi.setSystemTime(Date.now() - 60 * 60_000)
    vi.advanceTimersByTime(100)
    expect(cooldown.isCooling("a")).toBe(false)
  })
})
