import { setTimeout as sleep } from "node:timers/promises"
import { describe, expect, test } from "vitest"
import { runClosedLoop } from "./closed-loop.ts"

describe("runClosedLoop()", () => {
  test("keeps every caller busy and counts what ends within the window alone", async () => {
    let open = 0
    let peak = 0
    let ended = 0
    const endedAt: number[] = []
    const result = await runClosedLoop({
      concurrency: 5,
      warmUpMs: 1,
      windowMs: 1,
      once: async () => {
        peak = Math.max(peak, ++open)
        await sleep(10)
        open--
        ended++
      },
      onEdge: () => void endedAt.push(ended),
    })
    const [begin = 0, end = 0] = endedAt
    expect(peak).toBe(5)
    expect(begin).toBeGreaterThanOrEqual(5)
    // Every caller twice, however short the window.
    expect(result.ended).toBeGreaterThanOrEqual(10)
    expect(result.latencies).toHaveLength(result.ended)
    expect(end - begin).toBeGreaterThanOrEqual(result.ended)
    expect(open).toBe(0)
  })

  test("ends with the first error of a transaction", async () => {
    const once = () => Promise.reject(new Error("refused"))
    const options = { concurrency: 2, warmUpMs: 1, windowMs: 1, once, onEdge: () => {} }
    await expect(runClosedLoop(options)).rejects.toThrow("refused")
  })
})
