import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { attemptRow, mirrorChange, taskRow, transactionRow } from "../../../test/helpers/mirror-rows.ts"
import type { MirrorChange } from "../../contract/rows.ts"
import { toSeq } from "./order.ts"
import { Pending, type PendingTransaction } from "./pending.ts"
import { RecentlyWritten } from "./recently-written.ts"

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** As a writer takes them from what waits. */
function entryOf(change: Partial<MirrorChange>, attempts = 0): PendingTransaction[] {
  const pending = new Pending(1_000_000)
  pending.add(mirrorChange(change))
  for (let attempt = 1; attempt <= attempts; attempt++) pending.addAttempt(attemptRow({ attempt }))
  return pending.take(1_000_000)
}
const named = (transaction_id: string, more: Partial<MirrorChange> = {}) =>
  entryOf({ transaction_id, tasks: [taskRow()], ...more })
const idsOf = (recent: RecentlyWritten) =>
  recent.takeAll().entries.map(({ transaction_id }) => transaction_id)

describe("RecentlyWritten", () => {
  test("gives a transaction once, with the newest of each row and all attempts, and then no more", () => {
    const recent = new RecentlyWritten()
    recent.add(entryOf({ history_length: 3, transaction: transactionRow(), tasks: [taskRow()] }, 1))
    recent.add(entryOf({ history_length: 9, tasks: [taskRow({ status: "success" })] }, 2))
    const { entries, losses } = recent.takeAll()
    expect(entries).toHaveLength(1)
    expect(entries[0]?.tasks.get("pay")?.row.status).toBe("success")
    expect(entries[0]?.transaction?.seq).toBe(toSeq(3, 0))
    expect(entries[0]?.attempts).toHaveLength(3)
    expect(losses).toEqual([])
    expect(idsOf(recent)).toEqual([])
  })

  test("forgets what is old once something else was answered, and not before", () => {
    const recent = new RecentlyWritten()
    recent.add(named("old"))
    vi.advanceTimersByTime(60_000)
    recent.add(named("young"))
    vi.advanceTimersByTime(9_000)
    recent.add(named("new"))
    vi.advanceTimersByTime(60_000)
    expect(idsOf(recent)).toEqual(["young", "new"])
  })

  test("keeps the place alone of what is too much, but for what has ended", () => {
    const recent = new RecentlyWritten()
    const large = "x".repeat(20 * 1024 * 1024)
    const tasks = [taskRow({ output: large })]
    recent.add(named("ended", { tasks, transaction: transactionRow({ status: "success" }) }))
    recent.add(named("first", { tasks, history_length: 7 }))
    recent.add(named("second", { tasks }))
    const { entries, losses } = recent.takeAll()
    expect(entries.map(({ transaction_id }) => transaction_id)).toEqual(["second"])
    expect(losses).toMatchObject([{ transaction_id: "first", seq: toSeq(7, 0) }])
  })

  test("forgets places as it forgets rows", () => {
    const recent = new RecentlyWritten()
    const tasks = [taskRow({ output: "x".repeat(40 * 1024 * 1024) })]
    recent.add(named("large", { tasks }))
    vi.advanceTimersByTime(10_000)
    recent.add(named("new"))
    expect(recent.takeAll().losses).toEqual([])
  })
})
