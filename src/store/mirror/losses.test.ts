import { describe, expect, test } from "vitest"
import { mirrorChange, transactionRow } from "../../../test/helpers/mirror-rows.ts"
import type { MirrorChange } from "../../contract/rows.ts"
import { keyOf } from "./lineage.ts"
import { Losses } from "./losses.ts"

const lineage = { tenant: "default", transaction_id: "order_1", reset_run: undefined }

function lossAt(seq: number, chain = 0) {
  const losses = new Losses()
  losses.note({ ...lineage, chain, seq })
  const leavesOut = (at: number, change: Partial<MirrorChange> = {}) =>
    losses.leavesOut(keyOf(lineage), mirrorChange(change), { chain, seq: at })
  const places = () => losses.next(10).map(({ seq }) => seq)
  return { losses, leavesOut, places }
}

describe("Losses", () => {
  test("leaves out what comes after a loss, and knows the newest that is missing", () => {
    const { leavesOut, places } = lossAt(5)
    expect(leavesOut(7)).toBe(true)
    expect(leavesOut(6)).toBe(true)
    expect(places()).toEqual([7])
  })

  test("is over with a complete change, unless that is older than what is missing", () => {
    const { losses, leavesOut } = lossAt(5)
    expect(leavesOut(4, { complete: true })).toBe(false)
    expect(leavesOut(6)).toBe(true)
    expect(leavesOut(6, { complete: true })).toBe(false)
    expect(losses.isEmpty()).toBe(true)
    expect(leavesOut(7)).toBe(false)
  })

  test("keeps nothing of a transaction that ended", () => {
    const { losses, leavesOut } = lossAt(5)
    expect(leavesOut(6, { transaction: transactionRow({ status: "success" }) })).toBe(true)
    expect(losses.isEmpty()).toBe(true)
  })

  test("forgets what is whole, not what lost more since it was asked for", () => {
    const { losses, leavesOut } = lossAt(5)
    const asked = losses.next(10)
    leavesOut(6)
    losses.forget(asked)
    expect(losses.isEmpty()).toBe(false)
    losses.forget(losses.next(10))
    expect(losses.isEmpty()).toBe(true)
  })

  test("gives each transaction its turn", () => {
    const losses = new Losses()
    for (const transaction_id of ["a", "b", "c"])
      losses.note({ ...lineage, transaction_id, chain: 0, seq: 1 })
    const turn = () => losses.next(2).map(({ transaction_id }) => transaction_id)
    expect([turn(), turn()]).toEqual([
      ["a", "b"],
      ["c", "a"],
    ])
  })
})
