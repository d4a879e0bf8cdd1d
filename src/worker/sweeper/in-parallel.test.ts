import { describe, expect, test } from "vitest"
import { inParallel } from "./in-parallel.ts"

describe("inParallel()", () => {
  test("works on so many at once and not more", async () => {
    let running = 0
    let most = 0
    const done: number[] = []
    await inParallel([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setImmediate(resolve))
      running--
      done.push(item)
    })
    expect(most).toBe(3)
    expect(new Set(done)).toEqual(new Set([1, 2, 3, 4, 5, 6, 7]))
  })

  test("finishes the others before it throws", async () => {
    const done: number[] = []
    const work = inParallel([1, 2, 3], 2, async (item) => {
      if (item === 1) throw new Error("no")
      done.push(item)
    })
    await expect(work).rejects.toThrow("no")
    expect(done).toEqual([2, 3])
  })
})
