import { describe, expect, test } from "vitest"
import { exceptionRow, taskRow, transactionRow } from "../../../test/helpers/mirror-rows.ts"
import type { View } from "../../contract/rows.ts"
import { settleMissing, settleUnreadable, settleView } from "./settle.ts"

const view = (parts: Partial<View> = {}): View => ({
  transaction: transactionRow(),
  tasks: [],
  exceptions: [],
  decisions: [],
  chain: 0,
  ...parts,
})

describe("settleView()", () => {
  test("leaves alone a run that ended by its own word", () => {
    const ended = view({ transaction: transactionRow({ status: "compensated" }) })
    expect(settleView(ended, { closing: { kind: "ended", status: "compensated" }, closed_at: 9 })).toBe(ended)
  })

  test("takes Temporal's word where the view does not know it yet, and stops what ran", () => {
    const tasks = [
      taskRow({ path: "a", status: "success" }),
      taskRow({ path: "b" }),
      taskRow({ path: "c", status: "parked" }),
    ]
    const settled = settleView(view({ tasks }), {
      closing: { kind: "ended", status: "success", output: { ok: 1 } },
      closed_at: 9,
    })
    expect(settled.transaction).toMatchObject({ status: "success", output: { ok: 1 }, ended_at: 9 })
    expect(settled.tasks.map(({ status }) => status)).toEqual(["success", "cancelled", "parked"])
  })

  test("makes a lost run a failed one that a person must look at, and keeps every outcome as unknown as it was", () => {
    const closing = { kind: "lost", code: "orchestrator_lost", message: "terminated" } as const
    const open = view({
      tasks: [taskRow()],
      exceptions: [exceptionRow()],
      transaction: transactionRow({ open_exceptions: 1 }),
    })
    const settled = settleView(open, { closing, closed_at: 9 })
    expect(settled.transaction).toMatchObject({
      status: "failed",
      open_exceptions: 2,
      ended_at: 9,
      error: { code: "orchestrator_lost", class: "unknown" },
    })
    expect(settled.tasks[0]).toMatchObject({
      status: "cancelled",
      outcome: "unknown",
      reason: "orchestrator_lost",
    })
    expect(settled.exceptions.at(-1)).toMatchObject({ task: null, kind: "orchestrator_lost", state: "open" })
  })
})

describe("settleMissing()", () => {
  test("says the same when it looks a second time", () => {
    const once = settleMissing(view(), 1_000)
    expect(once.transaction).toMatchObject({ status: "running", open_exceptions: 1 })
    expect(settleMissing(once, 2_000)).toEqual(once)
  })

  test("opens a new record where the old one was over", () => {
    const once = settleMissing(view(), 1_000)
    const over = {
      ...once,
      exceptions: once.exceptions.map((row) => ({ ...row, state: "auto_resolved" as const })),
    }
    expect(settleMissing(over, 2_000).exceptions).toEqual([
      expect.objectContaining({ state: "open", occurred_at: 2_000 }),
    ])
  })
})

describe("settleUnreadable()", () => {
  test("keeps the status and says that the tasks are a guess", () => {
    const settled = settleUnreadable(
      view({ transaction: transactionRow({ status: "success" }) }),
      "nondeterminism",
      5,
    )
    expect(settled.transaction.status).toBe("success")
    expect(settled.exceptions).toEqual([
      expect.objectContaining({ kind: "mirror_drift", code: "history_unreadable" }),
    ])
  })
})
