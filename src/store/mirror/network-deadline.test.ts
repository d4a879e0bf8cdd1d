import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { withNetworkDeadline } from "./network-deadline.ts"

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe("withNetworkDeadline()", () => {
  test("ends a wait for an answer that does not come", async () => {
    const failure = withNetworkDeadline(() => new Promise(() => {})).catch(String)
    await vi.advanceTimersByTimeAsync(30_000)
    expect(await failure).toContain("did not answer for 30 s")
  })

  test("lets work go on that is answered, however slowly", async () => {
    const work = withNetworkDeadline(async (onAnswer) => {
      for (let answers = 0; answers < 5; answers++) {
        await new Promise((resolve) => setTimeout(resolve, 20_000))
        onAnswer()
      }
    })
    await vi.advanceTimersByTimeAsync(100_000)
    await work
  })
})
