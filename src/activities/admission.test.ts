import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { type Clock, createAdmission, type Leave } from "./admission.ts"

/** Stands still until it is told the time. */
function createClock(): Clock & { advanceTo(time: number): Promise<void> } {
  const alarms: { time: number; call: () => void }[] = []
  let now = 0
  return {
    now: () => now,
    callAt: (time, call) => void alarms.push({ time, call }),
    async advanceTo(time) {
      now = time
      for (let at = alarms.findIndex((one) => one.time <= now); at >= 0;) {
        alarms.splice(at, 1)[0]?.call()
        at = alarms.findIndex((one) => one.time <= now)
      }
      await turn()
    },
  }
}

const turn = () => new Promise<void>((resolve) => void setImmediate(resolve))

type Limits = Parameters<ReturnType<typeof createAdmission>["enter"]>[0]

function createTrial(limits: Limits) {
  const clock = createClock()
  const admission = createAdmission(clock)
  const begun: number[] = []
  const ended = new Map<number, Error>()
  const leaves = new Map<number, Leave>()
  let asked = 0
  return {
    clock,
    begun,
    ended,
    ask(more: { signal?: AbortSignal; limits?: Limits } = {}) {
      const id = asked++
      admission.enter(more.limits ?? limits, more.signal ?? new AbortController().signal).then(
        (leave) => {
          leaves.set(id, leave)
          return begun.push(id)
        },
        (error: Error) => ended.set(id, error),
      )
      return id
    },
    async leave(id: number) {
      leaves.get(id)?.()
      leaves.delete(id)
      await turn()
    },
    inside: () => [...leaves.keys()],
  }
}

describe("max_in_flight", () => {
  test("lets so many in, and the others in their order as one leaves", async () => {
    const trial = createTrial({ max_in_flight: 2 })
    for (let n = 0; n < 5; n++) trial.ask()
    await turn()
    expect(trial.begun).toEqual([0, 1])
    await trial.leave(1)
    expect(trial.begun).toEqual([0, 1, 2])
    await trial.leave(0)
    await trial.leave(2)
    expect(trial.begun).toEqual([0, 1, 2, 3, 4])
    expect(trial.inside()).toEqual([3, 4])
  })

  test("counts a call that leaves twice once", async () => {
    const admission = createAdmission(createClock())
    const { signal } = new AbortController()
    const leave = await admission.enter({ max_in_flight: 1 }, signal)
    leave()
    leave()
    await admission.enter({ max_in_flight: 1 }, signal)
    const abort = new AbortController()
    const third = admission.enter({ max_in_flight: 1 }, abort.signal)
    abort.abort(new Error("no place"))
    await expect(third).rejects.toThrow("no place")
  })

  test("forgets who gives up, also before asking, and takes no place from anybody", async () => {
    const trial = createTrial({ max_in_flight: 1 })
    trial.ask()
    const [first, gone] = [new AbortController(), new AbortController()]
    trial.ask({ signal: first.signal })
    trial.ask()
    first.abort(new Error("too long"))
    gone.abort(new Error("gone"))
    trial.ask({ signal: gone.signal })
    await turn()
    expect([...trial.ended].map(([id, { message }]) => [id, message])).toEqual([
      [1, "too long"],
      [3, "gone"],
    ])
    await trial.leave(0)
    expect(trial.begun).toEqual([0, 2])
  })

  test("takes new limits for those who wait already", async () => {
    const trial = createTrial({ max_in_flight: 1 })
    for (let n = 0; n < 3; n++) trial.ask()
    trial.ask({ limits: { max_in_flight: 3 } })
    await turn()
    expect(trial.begun).toEqual([0, 1, 2])
    trial.ask({ limits: {} })
    await turn()
    expect(trial.begun).toEqual([0, 1, 2, 3, 4])
  })

  test("is never passed and never idle, whatever calls do", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.constantFrom("ask", "leave", "give up"), { maxLength: 40 }),
        async (max, steps) => {
          const trial = createTrial({ max_in_flight: max })
          const waiting = new Map<number, AbortController>()
          let open = 0
          for (const step of steps) {
            if (step === "ask") {
              const abort = new AbortController()
              waiting.set(trial.ask({ signal: abort.signal }), abort)
              open++
            }
            if (step === "leave" && trial.inside()[0] !== undefined) {
              await trial.leave(trial.inside()[0] ?? 0)
              open--
            }
            await turn()
            for (const id of trial.begun) waiting.delete(id)
            const [last] = [...waiting.keys()].slice(-1)
            if (step === "give up" && last !== undefined) {
              waiting.get(last)?.abort(new Error("no more"))
              waiting.delete(last)
              open--
            }
            await turn()
            expect(trial.inside()).toHaveLength(Math.min(open, max))
            expect(trial.begun).toEqual(trial.begun.toSorted((a, b) => a - b))
          }
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe("per_second", () => {
  test("spaces calls evenly, from the first one on", async () => {
    const trial = createTrial({ per_second: 10 })
    for (let n = 0; n < 4; n++) trial.ask()
    await turn()
    expect(trial.begun).toEqual([0])
    await trial.clock.advanceTo(99)
    expect(trial.begun).toEqual([0])
    await trial.clock.advanceTo(100)
    expect(trial.begun).toEqual([0, 1])
    await trial.clock.advanceTo(300)
    expect(trial.begun).toEqual([0, 1, 2, 3])
  })

  test("saves up nothing in a time without calls, and little when the process was late", async () => {
    const trial = createTrial({ per_second: 10 })
    await trial.clock.advanceTo(60_000)
    for (let n = 0; n < 20; n++) trial.ask()
    await turn()
    expect(trial.begun).toHaveLength(1)
    // A second too late: one whose turn it was, one of the tenth of a second that is made up for.
    await trial.clock.advanceTo(61_100)
    expect(trial.begun).toHaveLength(3)
  })

  test("may be less than one, and another pace begins at once", async () => {
    const trial = createTrial({ per_second: 0.01 })
    trial.ask()
    trial.ask()
    await trial.clock.advanceTo(5_000)
    expect(trial.begun).toEqual([0])
    trial.ask({ limits: { per_second: 1 } })
    await turn()
    expect(trial.begun).toEqual([0, 1])
    await trial.clock.advanceTo(6_000)
    expect(trial.begun).toEqual([0, 1, 2])
  })

  test("holds together with max_in_flight", async () => {
    const trial = createTrial({ per_second: 10, max_in_flight: 1 })
    trial.ask()
    trial.ask()
    await trial.clock.advanceTo(500)
    expect(trial.begun).toEqual([0])
    await trial.leave(0)
    expect(trial.begun).toEqual([0, 1])
  })
})
