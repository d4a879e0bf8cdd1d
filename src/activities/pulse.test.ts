import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { createPulse, HEARTBEAT_INTERVAL_MS } from "./pulse.ts"

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Starts so many attempts and counts the beats of all. */
function startMany(count: number, heartbeatTimeoutMs?: number) {
  const pulse = createPulse()
  let beats = 0
  const stops = Array.from({ length: count }, () => pulse.start(() => void beats++, heartbeatTimeoutMs))
  return {
    stops,
    beatsWithin: async (ms: number) => {
      beats = 0
      await vi.advanceTimersByTimeAsync(ms)
      return beats
    },
  }
}

describe("createPulse()", () => {
  test("lets a few attempts beat every two seconds, until each is stopped", async () => {
    const { stops, beatsWithin } = startMany(10)
    expect(await beatsWithin(HEARTBEAT_INTERVAL_MS - 1)).toBe(0)
    expect(await beatsWithin(1)).toBe(10)
    expect(await beatsWithin(3 * HEARTBEAT_INTERVAL_MS)).toBe(30)
    for (const stop of stops.slice(1)) stop()
    expect(await beatsWithin(3 * HEARTBEAT_INTERVAL_MS)).toBe(3)
  })

  test("lets many beat 50 times a second together, each of them in its turn", async () => {
    const { stops, beatsWithin } = startMany(200)
    // The first of them began when they were few.
    expect(await beatsWithin(4_000)).toBe(200)
    expect(await beatsWithin(8_000)).toBe(400)
    for (const stop of stops.slice(1)) stop()
    // The one that is left waits out its long pause once.
    await beatsWithin(4_000)
    expect(await beatsWithin(2 * HEARTBEAT_INTERVAL_MS)).toBe(2)
  })

  test("keeps a flow's heartbeat timeout, however many there are", async () => {
    const { beatsWithin } = startMany(200, 6_000)
    expect(await beatsWithin(3_000)).toBe(200)
    const { beatsWithin: ofOne } = startMany(1, 1_000)
    expect(await ofOne(2_000)).toBe(4)
  })
})
