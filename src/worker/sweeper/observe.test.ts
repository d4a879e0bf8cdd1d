import { ApplicationFailure, CancelledFailure, TerminatedFailure, TimeoutFailure } from "@temporalio/client"
import { describe, expect, test } from "vitest"
import { transactionRow } from "../../../test/helpers/mirror-rows.ts"
import { toClosing } from "./observe.ts"

describe("toClosing()", () => {
  const view = {
    transaction: transactionRow({ status: "failed" }),
    tasks: [],
    exceptions: [],
    decisions: [],
    chain: 0,
  }

  test.each(["failed", "compensated", "closed", "cancelled"])(
    "reads %s and its view from the failure",
    (status) => {
      const failure = ApplicationFailure.create({ type: status, message: status, details: [view] })
      expect(toClosing(failure)).toEqual({ kind: "ended", status, view })
    },
  )

  test("does not take just anything for a view", () => {
    const failure = ApplicationFailure.create({
      type: "failed",
      message: "no",
      details: [{ transaction: 1 }],
    })
    expect(toClosing(failure)).toEqual({ kind: "ended", status: "failed" })
  })

  test("reads Temporal's own cancel", () => {
    expect(toClosing(new CancelledFailure("cancelled"))).toEqual({ kind: "ended", status: "cancelled" })
  })

  test("calls lost what did not end by its own word", () => {
    expect(toClosing(new TerminatedFailure("by ann"))).toMatchObject({
      kind: "lost",
      code: "orchestrator_lost",
      message: "The workflow was terminated: by ann",
    })
    expect(toClosing(new TimeoutFailure("late", undefined, "START_TO_CLOSE"))).toMatchObject({ kind: "lost" })
    const malformed = ApplicationFailure.create({ type: "malformed_start", message: "not a start input" })
    expect(toClosing(malformed)).toEqual({
      kind: "lost",
      code: "malformed_start",
      message: "not a start input",
    })
  })
})
