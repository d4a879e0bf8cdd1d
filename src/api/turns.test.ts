import { setTimeout as sleep } from "node:timers/promises"
import { describe, expect, test } from "vitest"
import { createTurns } from "./turns.ts"

const tooLate = () => new Error("too late")

/** Work that ends when it is told to. */
function createWork() {
  const started: string[] = []
  const ends = new Map<string, (how: "done" | "failed") => void>()
  return {
    started,
    of: (name: string) => () =>
      new Promise<string>((resolve, reject) => {
        started.push(name)
        ends.set(name, (how) => (how === "done" ? resolve(name) : reject(new Error(name))))
      }),
    end: (name: string, how: "done" | "failed" = "done") => ends.get(name)?.(how),
  }
}

describe("createTurns()", () => {
  test("lets so many in at once, the others in order, also after a failure", async () => {
    const turns = createTurns(2)
    const work = createWork()
    const take = (name: string) => turns.take("run", work.of(name), { patienceMs: 10_000, tooLate })
    const [a, b, c, d] = ["a", "b", "c", "d"].map(take)
    await sleep(0)
    expect(work.started).toEqual(["a", "b"])
    work.end("b", "failed")
    await expect(b).rejects.toThrow("b")
    await sleep(0)
    expect(work.started).toEqual(["a", "b", "c"])
    work.end("a")
    work.end("c")
    await expect(a).resolves.toBe("a")
    await expect(c).resolves.toBe("c")
    await sleep(0)
    work.end("d")
    await expect(d).resolves.toBe("d")
  })

  test("keeps different keys apart, and forgets what is over", async () => {
    const turns = createTurns(1)
    const work = createWork()
    const one = turns.take("one", work.of("one"), { patienceMs: 10_000, tooLate })
    const two = turns.take("two", work.of("two"), { patienceMs: 10_000, tooLate })
    await sleep(0)
    expect(work.started).toEqual(["one", "two"])
    work.end("one")
    work.end("two")
    await Promise.all([one, two])
    const again = turns.take("one", work.of("again"), { patienceMs: 10_000, tooLate })
    await sleep(0)
    expect(work.started).toContain("again")
    work.end("again")
    await again
  })

  test("sends away who has waited too long, without calling it later", async () => {
    const turns = createTurns(1)
    const work = createWork()
    const first = turns.take("run", work.of("first"), { patienceMs: 10_000, tooLate })
    await expect(turns.take("run", work.of("second"), { patienceMs: 5, tooLate })).rejects.toThrow("too late")
    const third = turns.take("run", work.of("third"), { patienceMs: 10_000, tooLate })
    work.end("first")
    await first
    await sleep(0)
    expect(work.started).toEqual(["first", "third"])
    work.end("third")
    await third
  })
})
