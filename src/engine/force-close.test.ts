import { describe, expect, test } from "vitest"
import { backward, drive, failures, planOf } from "./driver.testsuite.ts"

const started = { kind: "started" } as const
const close = { action: "force_close", reason: "settled by phone.", evidence: "ticket 81" } as const

describe("force_close", () => {
  test("ends a blocked transaction, says what it leaves behind, and takes its questions for answered", () => {
    const run = drive(
      planOf([
        { id: "look", effect: "read" },
        { id: "pay", deps: ["look"] },
        { id: "ship", deps: ["pay"], effect: "unsafe" },
        { id: "mail", deps: ["ship"] },
      ]),
    )
    run.apply(started)
    run.done("look")
    run.done("pay")
    run.fail("ship", failures.unknown)
    const given = run.decide(close)
    expect(given).toContainEqual({ kind: "finish", status: "closed", output: null })
    expect(run.view()).toMatchObject({
      transaction: {
        status: "closed",
        overridden: true,
        open_exceptions: 0,
        error: {
          code: "force_closed",
          message: "A person closed it: settled by phone. It leaves behind: pay (executed), ship (unknown).",
        },
      },
      exceptions: [{ task: "ship", state: "accepted", resolved_by: "d1" }],
    })
    expect(run.statuses()).toEqual({ look: "success", pay: "success", ship: "cancelled", mail: "cancelled" })
    expect(run.row("ship").outcome).toBe("unknown")
  })

  test("waits for what is open, and asks nothing more when that comes to nothing", () => {
    const run = drive(planOf([{ id: "pay", effect: "unsafe" }]))
    run.apply(started)
    expect(run.decide(close)).toContainEqual({ kind: "cancel_forward" })
    expect(run.view().transaction.status).toBe("running")
    run.fail("pay", { cause: "cancelled", message: "cancelled" })
    expect(run.view()).toMatchObject({
      transaction: { status: "closed", open_exceptions: 0 },
      exceptions: [],
    })
    expect(run.row("pay")).toMatchObject({ status: "cancelled", outcome: "unknown" })
  })

  test("stops what is being undone, and starts no other undoing", () => {
    const tasks = [
      { id: "a", compensate: "undo" as const },
      { id: "b", deps: ["a"], compensate: "undo" as const },
      { id: "c", deps: ["b"], compensate: "undo" as const },
    ]
    const run = drive(planOf(tasks, { backward }))
    run.apply(started)
    run.done("a")
    run.done("b")
    run.decide({ action: "cancel" })
    run.fail("c", failures.refused)
    expect(run.openTasks()).toEqual(["b:undo"])
    expect(run.decide(close)).toContainEqual({ kind: "cancel_backward" })
    run.fail("b:undo", { cause: "cancelled", message: "cancelled" })
    expect(run.openTasks()).toEqual([])
    expect(run.view()).toMatchObject({
      transaction: {
        status: "closed",
        open_exceptions: 0,
        error: { message: expect.stringContaining("a (executed), b (executed)") },
      },
    })
    expect(run.row("a").compensation).toBe("waived")
    expect(run.row("b")).toMatchObject({ compensation: "waived", undo: { outcome: "unknown" } })
  })

  test("what was undone all the same is known as undone, and nothing follows it", () => {
    const tasks = [
      { id: "a", compensate: "undo" as const },
      { id: "b", deps: ["a"], compensate: "undo" as const },
    ]
    const run = drive(planOf(tasks, { backward }))
    run.apply(started)
    run.done("a")
    run.decide({ action: "cancel" })
    run.fail("b", failures.refused)
    run.decide(close)
    run.done("a:undo")
    expect(run.row("a").compensation).toBe("success")
    expect(run.view().transaction.status).toBe("closed")
  })

  test("names what somebody let be, and what is undone while its call is open", () => {
    const run = drive(planOf([{ id: "a" }, { id: "b", deps: ["a"], on_error: "compensate" }], { backward }))
    run.apply(started)
    run.done("a")
    run.fail("b", failures.refused)
    run.decide({ action: "waive_compensation", task: "a", evidence: "e" })
    expect(run.view().transaction.status).toBe("compensated")
    const open = drive(
      planOf(
        [
          { id: "o", compensate: "undo", fenced: true },
          { id: "s", compensate: "undo", on_error: "compensate" },
          { id: "n", compensate: "undo" },
        ],
        { backward },
      ),
    )
    open.apply(started)
    open.done("n")
    open.fail("s", failures.refused)
    open.done("o:undo")
    open.decide(close)
    open.fail("n:undo", { cause: "cancelled", message: "cancelled" })
    open.fail("o", { cause: "cancelled", message: "cancelled" })
    expect(open.view().transaction.error?.message).toContain("o (unknown)")
    const twice = drive(
      planOf(
        [
          { id: "a", compensate: "undo" },
          { id: "c", deps: ["a"], compensate: "undo" },
        ],
        { backward },
      ),
    )
    twice.apply(started)
    twice.done("a")
    twice.decide({ action: "cancel" })
    twice.decide(close)
    twice.decide(close)
    twice.fail("c", { cause: "cancelled", message: "cancelled" })
    expect(twice.view().transaction.error?.message).toContain("a (executed), c (unknown)")
  })

  test("is possible past the pivot, and where compensations are parked", () => {
    const run = drive(
      planOf(
        [
          { id: "a", irreversible: true },
          { id: "b", deps: ["a"] },
        ],
        { backward },
      ),
    )
    run.apply(started)
    run.done("a")
    run.fail("b", failures.refused)
    expect(run.machine.refuse({ id: "x", actor: "ann", action: "cancel" })).toBe("pivot_passed")
    run.decide(close)
    expect(run.view().transaction.status).toBe("closed")
  })

  test("needs evidence, and something that has not ended", () => {
    const run = drive(planOf([{ id: "a" }]))
    run.apply(started)
    const plain = { id: "x", actor: "ann", action: "force_close", reason: "r" } as const
    expect(run.machine.refuse(plain)).toBe("evidence_required")
    run.done("a")
    expect(run.machine.refuse({ ...plain, evidence: "e" })).toBe("ended")
  })
})

describe("retry_unsafe", () => {
  const retry = { id: "x", actor: "ann", action: "retry_unsafe", task: "pay" } as const
  const found = { ...retry, attest: "not_executed", evidence: "statement of 3 May" } as const

  test("wants to know that it did not happen, and where that can be looked up", () => {
    const run = drive(planOf([{ id: "pay", effect: "unsafe" }]))
    run.apply(started)
    expect(run.machine.refuse(found)).toBe("not_parked")
    run.fail("pay", failures.unknown)
    expect(run.machine.refuse(retry)).toBe("unknown_needs_attestation")
    expect(run.machine.refuse({ ...retry, attest: "executed" })).toBe("attested_executed")
    expect(run.machine.refuse({ ...retry, attest: "not_executed" })).toBe("evidence_required")
    run.decide(found)
    expect(run.callOf("pay").input.prior).toBe("not_executed")
    expect(run.view()).toMatchObject({
      transaction: { overridden: true },
      decisions: [{ action: "retry_unsafe", evidence: "statement of 3 May", attest: "not_executed" }],
    })
  })

  test("is refused where a plain retry is safe", () => {
    const run = drive(planOf([{ id: "pay" }]))
    run.apply(started)
    run.fail("pay", failures.unknown)
    expect(run.machine.refuse(found)).toBe("retry_is_safe")
  })
})
