import { afterEach, describe, expect, test, vi } from "vitest"
import { createListeningLogger } from "../../../test/helpers/listening-logger.ts"
import { compareAll } from "./compare.ts"
import { createCooldown } from "./cooldown.ts"
import { emptySummary } from "./parts.ts"
import type { Verdict } from "./reconcile.ts"

afterEach(() => {
  vi.useRealTimers()
})

const keysOf = (ids: string[]) => ids.map((id) => ({ tenant: "default", transaction_id: id }))

function compareWith(answer: (id: string) => Verdict) {
  const logger = createListeningLogger()
  const cooldown = createCooldown({ firstMs: 60_000, longestMs: 60_000 })
  const summary = emptySummary()
  const reconciler = {
    async reconcile({ transaction_id }: { transaction_id: string }) {
      return answer(transaction_id)
    },
  }
  const compare = async (ids: string[]) => {
    const done = await compareAll({ reconciler, logger }, keysOf(ids), cooldown, summary)
    return done.map(({ transaction_id }) => transaction_id)
  }
  return { compare, cooldown, summary, lines: logger.lines }
}

describe("compareAll()", () => {
  test("is not held up by one that cannot be compared, which is logged and cools", async () => {
    const { compare, cooldown, summary, lines } = compareWith((id) => {
      if (id === "bad") throw new Error("no view")
      return { kind: "healed", confirmed: true }
    })
    expect(await compare(["bad", "good"])).toEqual(["good"])
    expect(summary).toMatchObject({ checked: 2, healed: 1, confirmed: 1, away: 1 })
    expect(cooldown.failed().cooling).toEqual(["default/bad"])
    expect(lines).toEqual([
      {
        level: "warn",
        message: "a transaction cannot be compared with Temporal",
        fields: { tenant: "default", transaction_id: "bad", error: "no view" },
      },
    ])
  })

  test("asks again for one that nobody has noted as started, and does not take that for silence", async () => {
    const { compare, cooldown, summary } = compareWith((id) =>
      id === "last" ? { kind: "same", confirmed: false } : { kind: "unstarted" },
    )
    const young = Array.from({ length: 20 }, (_, at) => `young-${at}`)
    expect(await compare([...young, "last"])).toEqual(["last"])
    expect(summary).toMatchObject({ checked: 1, away: 0 })
    expect(cooldown.isCooling("default/young-0")).toBe(true)
  })

  test("stops when nobody answers", async () => {
    const { compare, summary } = compareWith(() => ({ kind: "away" }))
    expect(await compare(Array.from({ length: 50 }, (_, at) => String(at)))).toEqual([])
    expect(summary.away).toBeLessThan(15)
  })

  test("asks those last that did not answer before", async () => {
    vi.useFakeTimers()
    const asked: string[] = []
    const { compare } = compareWith((id) => {
      asked.push(id)
      return id.startsWith("stuck") ? { kind: "away" } : { kind: "same", confirmed: false }
    })
    const stuck = Array.from({ length: 20 }, (_, at) => `stuck-${at}`)
    for (let times = 0; times < 10; times++) await compare(stuck)
    expect(new Set(asked).size).toBe(20)
    vi.advanceTimersByTime(60_000)
    asked.length = 0
    expect(await compare([...stuck, "good"])).toEqual(["good"])
    expect(asked[0]).toBe("good")
  })
})
