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
})
