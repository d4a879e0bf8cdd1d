import { describe, expect, test } from "vitest"
import { CURRENT_FLAGS } from "../contract/flags.ts"
import type { Decision } from "../contract/messages.ts"
import { MAX_INLINE_OUTPUT_BYTES } from "../contract/activities.ts"
import { backward, type Driver, type DriverOptions, drive, failures, planOf } from "./driver.testsuite.ts"
import { APPROVAL_MS, MAX_REQUESTS } from "./requests.ts"

const started = { kind: "started" } as const
const EVIDENCE = "statement of 3 May"
const UNSAFE_RETRY = {
  action: "propose",
  proposed: "retry_unsafe",
  task: "pay",
  attest: "not_executed",
  evidence: EVIDENCE,
} as const satisfies Partial<Decision>

/** A charge of which nobody knows whether it happened, with a repeat proposed by ann. */
function proposed(more: Partial<Decision> = {}, options: Partial<DriverOptions> = {}): Driver {
  const run = parked(options)
  run.decide({ ...UNSAFE_RETRY, id: "ask", ...more })
  return run
}

function parked(options: Partial<DriverOptions> = {}): Driver {
  const run = drive(
    planOf([
      { id: "pay", effect: "unsafe" },
      { id: "ship", deps: ["pay"] },
    ]),
    {
      flags: [...CURRENT_FLAGS],
      ...options,
    },
  )
  run.apply(started)
  run.fail("pay", failures.unknown)
  return run
}

function refuse(run: Driver, decision: Partial<Decision>) {
  return run.machine.refuse({ id: "look", actor: "bob", reason: "r", ...decision })
}

const pending = (run: Driver) => run.view().transaction.pending_approvals

describe("propose", () => {
  test("does nothing but wait, and says until when", () => {
    const run = proposed({ roles: ["operator"] })
    expect(run.openTasks()).toEqual([])
    const [request] = pending(run) ?? []
    expect(request).toEqual({
      id: "ask",
      action: "retry_unsafe",
      task: "pay",
      operation: "do",
      requester: "ann",
      at: 1_030,
      expires_at: 1_030 + APPROVAL_MS,
    })
    expect(run.machine.answer("ask")).toMatchObject({ decision_id: "ask", version: 2, request })
    expect(run.view().decisions).toMatchObject([
      { decision_id: "ask", action: "propose", actor: "ann", roles: ["operator"], after: { request } },
    ])
    expect(run.view().exceptions).toMatchObject([{ state: "open" }])
    expect(run.view().transaction).toMatchObject({ status: "blocked", open_exceptions: 1 })
  })

  test.each<[string, Partial<Decision>, string]>([
    ["an action that is not there", { proposed: undefined } as object, "not_proposable"],
    ["an action that needs nobody", { proposed: "pause" } as object, "not_proposable"],
    ["itself", { proposed: "propose" } as object, "not_proposable"],
    ["what is refused without a second person too", { evidence: undefined }, "evidence_required"],
    ["what contradicts itself", { executed_externally: true }, "attestation_contradicts"],
    ["a task that is not parked", { task: "ship" }, "not_parked"],
    ["an unknown task", { task: "fly" }, "unknown_task"],
    ["a version that is over", { expected_version: 7 }, "stale_version"],
  ])("refuses %s", (_, more, refusal) => {
    expect(refuse(parked(), { ...UNSAFE_RETRY, ...more })).toBe(refusal)
  })

  test("Q1 one request waits for a task, and one for the transaction", () => {
    const run = proposed()
    expect(refuse(run, UNSAFE_RETRY)).toBe("request_pending")
    const close = { action: "propose", proposed: "force_close", evidence: EVIDENCE } as const
    expect(refuse(run, close)).toBeUndefined()
    run.decide({ ...close, id: "close" })
    expect(refuse(run, close)).toBe("request_pending")
    expect(pending(run)?.map(({ id, task }) => [id, task])).toEqual([
      ["ask", "pay"],
      ["close", null],
    ])
  })

  test("a transaction holds so many, and no more than it has room for", () => {
    const ids = Array.from({ length: MAX_REQUESTS + 1 }, (_, at) => `t${at}`)
    const run = drive(
      planOf(
        ids.map((id) => ({ id })),
        { max_parallel: 200 },
      ),
    )
    run.apply(started)
    for (const id of ids) run.fail(id, failures.refused)
    const skip = (task: string, more: Partial<Decision> = {}) =>
      ({ action: "propose", proposed: "skip", task, ...more }) as const
    for (const id of ids.slice(1)) run.decide(skip(id))
    expect(pending(run)).toHaveLength(MAX_REQUESTS)
    expect(refuse(run, skip("t0"))).toBe("too_many_requests")
    const few = ids.slice(0, 20)
    const full = drive(planOf(few.map((id) => ({ id }))))
    full.apply(started)
    for (const id of full.openTasks()) full.fail(id, failures.refused)
    const output = "x".repeat(MAX_INLINE_OUTPUT_BYTES - 100)
    const large = (task: string) => ({ action: "propose", proposed: "complete", task, output }) as const
    const refusals = few.map((task) => {
      const refusal = refuse(full, large(task))
      if (refusal === undefined) full.decide(large(task))
      return refusal
    })
    expect(refusals[0]).toBeUndefined()
    expect(refusals.at(-1)).toBe("output_too_large")
    // What waits can still be carried out: it has its room already.
    const [first] = pending(full) ?? []
    expect(refuse(full, { action: "approve", request: first?.id ?? "" })).toBeUndefined()
  })
})

describe("approve", () => {
  test("carries the decision out as the requester's, with who approved", () => {
    const run = proposed()
    run.decide({
      action: "approve",
      request: "ask",
      id: "yes",
      actor: "bob",
      roles: ["approver"],
      reason: "seen",
    })
    expect(run.callOf("pay").input.prior).toBe("not_executed")
    expect(pending(run)).toBeUndefined()
    const [, carried, approval] = run.view().decisions
    expect(carried).toMatchObject({
      decision_id: "ask approved",
      action: "retry_unsafe",
      task: "pay",
      actor: "ann",
      attest: "not_executed",
      evidence: EVIDENCE,
      approvals: [{ actor: "bob", roles: ["approver"], reason: "seen", update_id: "yes" }],
    })
    expect(approval).toMatchObject({
      decision_id: "yes",
      action: "approve",
      actor: "bob",
      before: { request: { id: "ask" }, tasks: [{ path: "pay", status: "parked" }] },
      after: { tasks: [{ path: "pay", status: "running" }] },
    })
    expect(approval?.approvals).toBeUndefined()
    expect(run.machine.answer("yes")).toMatchObject({ status: "running" })
    expect(run.machine.answer("yes")?.request).toBeUndefined()
    expect(run.view().exceptions).toMatchObject([{ state: "resolved", resolved_by: "ask approved" }])
  })

  test("is not for who asked, whatever else is said", () => {
    const run = proposed()
    expect(refuse(run, { action: "approve", request: "ask", actor: "ann", roles: ["admin"] })).toBe(
      "own_request",
    )
    expect(refuse(run, { action: "reject", request: "ask", actor: "ann" })).toBeUndefined()
  })

  test.each<[string, Partial<Decision>, string]>([
    ["no request", {}, "request_required"],
    ["what is no id", { request: 7 } as object, "request_required"],
    ["a request that nobody made", { request: "other" }, "unknown_request"],
  ])("refuses %s", (_, more, refusal) => {
    expect(refuse(proposed(), { action: "approve", ...more })).toBe(refusal)
    expect(refuse(proposed(), { action: "reject", ...more })).toBe(refusal)
  })

  test("a second one comes too late, a repeat gets the first answer", () => {
    const run = proposed()
    run.decide({ action: "approve", request: "ask", id: "yes", actor: "bob" })
    expect(refuse(run, { action: "approve", request: "ask", actor: "cid" })).toBe("request_approved")
    const before = JSON.stringify(run.view())
    run.decide({ action: "approve", request: "ask", id: "yes", actor: "bob" })
    expect(JSON.stringify(run.view())).toBe(before)
  })

  test("is not bound to the version that the requester saw", () => {
    const run = proposed({ expected_version: 1 })
    run.decide({ action: "pause", id: "p" })
    run.decide({ action: "approve", request: "ask", actor: "bob", expected_version: 3 })
    expect(run.view().decisions.map(({ action }) => action)).toEqual([
      "propose",
      "pause",
      "retry_unsafe",
      "approve",
    ])
  })

  test("of a forced close ends the transaction", () => {
    const run = parked()
    run.decide({ action: "propose", proposed: "force_close", evidence: EVIDENCE, id: "close" })
    const commands = run.decide({ action: "approve", request: "close", actor: "bob" })
    expect(commands).toContainEqual(expect.objectContaining({ kind: "finish", status: "closed" }))
    expect(run.view().decisions.map(({ action, actor }) => [action, actor])).toEqual([
      ["propose", "ann"],
      ["force_close", "ann"],
      ["approve", "bob"],
    ])
  })
})

test("reject ends the request and leaves everything as it was", () => {
  const run = proposed()
  run.decide({ action: "reject", request: "ask", id: "no", actor: "bob" })
  expect(pending(run)).toBeUndefined()
  expect(run.statuses().pay).toBe("parked")
  expect(run.view().exceptions).toMatchObject([{ state: "open" }])
  expect(refuse(run, { action: "approve", request: "ask" })).toBe("request_rejected")
  expect(refuse(run, { ...UNSAFE_RETRY, id: "again" })).toBeUndefined()
})

describe("Q2 a request ends as superseded", () => {
  test("when its task moves on by another decision", () => {
    const run = proposed()
    run.decide({ action: "complete", task: "pay", attest: "executed", actor: "cid" })
    expect(pending(run)).toBeUndefined()
    expect(refuse(run, { action: "approve", request: "ask" })).toBe("request_superseded")
  })

  test("also when the task comes back to where it was", () => {
    const run = proposed()
    run.decide({ action: "retry", task: "pay", attest: "not_executed", actor: "cid" })
    run.fail("pay", failures.unknown)
    expect(run.statuses().pay).toBe("parked")
    expect(refuse(run, { action: "approve", request: "ask" })).toBe("request_superseded")
  })

  test("when the transaction ends", () => {
    const run = proposed()
    run.decide({ action: "cancel", actor: "cid" })
    expect(run.view().transaction).toMatchObject({ status: "cancelled" })
    expect(pending(run)).toBeUndefined()
    expect(run.machine.snapshot().requests).toBeUndefined()
  })

  test("not when something else happens", () => {
    const run = proposed()
    run.decide({ action: "pause" })
    run.decide({ action: "resume" })
    expect(pending(run)).toHaveLength(1)
  })
})

describe("the way back", () => {
  test("mark_compensated waits and is done, and is shown as about the compensation", () => {
    const run = drive(
      planOf(
        [
          { id: "pay", compensate: "undo" },
          { id: "ship", deps: ["pay"], on_error: "compensate", compensate: "none" },
        ],
        { backward },
      ),
      { flags: [...CURRENT_FLAGS] },
    )
    run.apply(started)
    run.done("pay")
    run.fail("ship", failures.refused)
    run.fail(run.openTasks()[0] ?? "", failures.refused)
    run.decide({
      action: "propose",
      proposed: "mark_compensated",
      task: "pay",
      evidence: EVIDENCE,
      id: "ask",
    })
    expect(pending(run)).toMatchObject([{ task: "pay", operation: "undo" }])
    run.decide({ action: "approve", request: "ask", actor: "bob" })
    expect(run.view().transaction).toMatchObject({ status: "compensated", overridden: true })
  })

  test.each([
    [true, true],
    [false, false],
  ])("54: a completion with executed_externally %s is compensated: %s", (executed_externally, undone) => {
    const run = drive(
      planOf(
        [
          { id: "pay", effect: "unsafe", compensate: "undo" },
          { id: "ship", deps: ["pay"], on_error: "compensate", compensate: "undo" },
        ],
        { backward },
      ),
    )
    run.apply(started)
    run.fail("pay", failures.unknown)
    run.decide({ action: "propose", proposed: "complete", task: "pay", executed_externally, id: "ask" })
    expect(run.openTasks()).toEqual([])
    run.decide({ action: "approve", request: "ask", actor: "bob" })
    run.fail("ship", failures.refused)
    expect(run.openTasks().some((id) => id.includes("undo"))).toBe(undone)
  })
})

describe("expiry", () => {
  const timers = (run: Driver) =>
    run.commands.flatMap((command) => (command.kind === "timer" ? [[command.of, command.at]] : []))

  test("comes by a timer, and then the request can be made anew", () => {
    const run = proposed()
    const end = 1_030 + APPROVAL_MS
    expect(timers(run)).toEqual([["approval", end]])
    run.at(end - 10)
    expect(refuse(run, { action: "approve", request: "ask" })).toBeUndefined()
    expect(run.machine.refuse({ id: "y", actor: "bob", action: "approve", request: "ask" }, end)).toBe(
      "request_expired",
    )
    run.apply({ kind: "timer", of: "approval" })
    expect(pending(run)).toBeUndefined()
    expect(run.view().exceptions).toMatchObject([{ state: "open" }])
    expect(refuse(run, { action: "approve", request: "ask" })).toBe("request_expired")
    expect(refuse(run, UNSAFE_RETRY)).toBeUndefined()
  })

  test("stands before a later deadline, and the deadline comes after it", () => {
    const timeout_ms = APPROVAL_MS + 60_000
    const run = drive(planOf([{ id: "pay", effect: "unsafe" }], { timeout_ms }), {
      flags: [...CURRENT_FLAGS],
    })
    run.apply(started)
    run.fail("pay", failures.unknown)
    run.decide({ ...UNSAFE_RETRY, id: "ask" })
    run.at(1_030 + APPROVAL_MS)
    run.apply({ kind: "timer", of: "approval" })
    expect(timers(run).map(([of]) => of)).toEqual(["deadline", "approval", "deadline"])
    run.at(1_000 + timeout_ms)
    run.apply({ kind: "timer", of: "deadline" })
    expect(run.view().transaction).toMatchObject({ overdue: true })
  })

  test("is set again after an earlier timer, and in the next run", () => {
    const run = drive(
      planOf([{ id: "pay", effect: "unsafe", irreversible: true }], { timeout_ms: 60_000, backward }),
      {
        flags: [...CURRENT_FLAGS],
      },
    )
    run.apply(started)
    run.fail("pay", failures.unknown)
    run.decide({ ...UNSAFE_RETRY, id: "ask" })
    run.at(61_000)
    run.apply({ kind: "timer", of: "deadline" })
    expect(pending(run)).toHaveLength(1)
    expect(timers(run).at(-1)?.[0]).toBe("approval")
    const next = run.restart()
    next.apply(started)
    expect(timers(next).map(([of]) => of)).toEqual(["approval"])
  })

  test("without the flag no timer is asked for, and what is over is noticed with what happens next", () => {
    const run = proposed({}, { flags: CURRENT_FLAGS.filter((id) => id !== 5) })
    expect(timers(run)).toEqual([])
    run.at(1_030 + APPROVAL_MS)
    expect(refuse(run, UNSAFE_RETRY)).toBe("request_pending")
    run.decide({ ...UNSAFE_RETRY, id: "anew" })
    expect(pending(run)).toMatchObject([{ id: "anew" }])
    expect(refuse(run, { action: "approve", request: "ask" })).toBe("request_expired")
  })
})

test("a snapshot carries what waits, and how the others ended", () => {
  const run = proposed()
  run.decide({ action: "reject", request: "ask", actor: "bob" })
  run.decide({ ...UNSAFE_RETRY, id: "again" })
  const next = run.restart()
  next.apply(started)
  expect(pending(next)).toEqual(pending(run))
  expect(next.machine.snapshot()).toEqual({ ...run.machine.snapshot(), chain: 1 })
  expect(refuse(next, { action: "approve", request: "ask" })).toBe("request_rejected")
  expect(refuse(next, { action: "approve", request: "again", actor: "ann" })).toBe("own_request")
  next.decide({ action: "approve", request: "again", actor: "bob" })
  expect(next.callOf("pay").input.prior).toBe("not_executed")
})
