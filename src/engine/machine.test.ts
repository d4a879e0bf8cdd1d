import { FLAGS } from "../contract/flags.ts"
import { describe, expect, test } from "vitest"
import type { Command } from "./commands.ts"
import { drive, failures, planOf } from "./driver.testsuite.ts"

const diamond = () =>
  planOf([{ id: "a" }, { id: "b", deps: ["a"] }, { id: "c", deps: ["a"] }, { id: "d", deps: ["b", "c"] }])
const started = { kind: "started" } as const
const callsOf = (commands: Command[]) =>
  commands.flatMap((command) => (command.kind === "call" ? [command.activity_id] : []))
const finishOf = (commands: Command[]) => commands.find((command) => command.kind === "finish")

describe("dataflow", () => {
  test("a task starts when its own dependencies are done, not when a wave is", () => {
    const run = drive(
      planOf([
        { id: "slow" },
        { id: "fast" },
        { id: "next", deps: ["fast"] },
        { id: "last", deps: ["slow", "next"] },
      ]),
    )
    expect(callsOf(run.apply(started))).toEqual(["slow", "fast"])
    expect(callsOf(run.done("fast"))).toEqual(["next"])
    expect(callsOf(run.done("next"))).toEqual([])
    expect(callsOf(run.done("slow"))).toEqual(["last"])
    expect(finishOf(run.done("last"))).toMatchObject({ status: "success" })
  })

  test("M3 what becomes ready in one activation starts in definition order", () => {
    const run = drive(
      planOf([{ id: "x" }, { id: "y" }, { id: "afterY", deps: ["y"] }, { id: "afterX", deps: ["x"] }]),
    )
    run.apply(started)
    const x = run.callOf("x").token
    const y = run.callOf("y").token
    expect(
      callsOf(run.apply({ kind: "done", token: x, output: 1 }, { kind: "done", token: y, output: 2 })),
    ).toEqual(["afterY", "afterX"])
  })

  test("max_parallel holds back what is ready, in definition order", () => {
    const run = drive(planOf([{ id: "a" }, { id: "b" }, { id: "c" }], { max_parallel: 1 }))
    expect(callsOf(run.apply(started))).toEqual(["a"])
    expect(callsOf(run.done("a"))).toEqual(["b"])
    expect(callsOf(run.done("b"))).toEqual(["c"])
  })

  test("a flow without tasks succeeds at once", () => {
    expect(finishOf(drive(planOf([])).apply(started))).toMatchObject({ status: "success" })
  })

  test("inputs and configs are rendered from what came before, and only then", () => {
    const read = ["$", ["f", ["f", ["f", ["v", "tasks"], "a"], "output"], "n"]] as const
    const run = drive(
      planOf([
        { id: "a" },
        {
          id: "b",
          deps: ["a"],
          reads: ["a"],
          requires: ["a"],
          input: { n: read },
          config: { url: ["$", ["f", ["v", "input"], "n"]] },
          sends_input: true,
        },
      ]),
    )
    run.apply(started)
    run.done("a", { n: 7 })
    expect(run.callOf("b").input).toEqual({ effect: "keyed", input: { n: 7 }, config: { url: 7 } })
    expect(run.row("b").input).toEqual({ n: 7 })
  })
})

describe("messages before and after", () => {
  test("M2 a decision may come before the main function", () => {
    const run = drive(diamond())
    const given = run.decide({ action: "cancel" })
    expect(finishOf(given)).toMatchObject({ status: "cancelled" })
    expect(run.apply(started)).toEqual([])
  })

  test("an answer under an old token is recorded and changes nothing", () => {
    const run = drive(diamond())
    run.apply(started)
    const { token } = run.callOf("a")
    run.done("a")
    const before = run.statuses()
    run.apply({ kind: "failed", token, failure: failures.unknown })
    expect(run.statuses()).toEqual(before)
    expect(run.view().transaction.ignored_messages).toBe(1)
  })

  test("a message that is none of ours is counted", () => {
    const run = drive(diamond())
    run.apply(started, { kind: "ignored", what: "hello" })
    expect(run.view().transaction.ignored_messages).toBe(1)
  })
})

describe("failures", () => {
  test("E2 a parked task resolves nothing; the rest of the flow goes on; then the transaction is blocked", () => {
    const run = drive(diamond())
    run.apply(started)
    run.done("a")
    run.fail("b", failures.notExecuted)
    expect(run.view().transaction.status).toBe("running")
    run.done("c")
    expect(run.statuses()).toEqual({ a: "success", b: "parked", c: "success", d: "pending" })
    expect(run.view().transaction).toMatchObject({ status: "blocked", open_exceptions: 1 })
  })

  test("E4 on_error fail prunes everything behind the task, joins included, and other branches finish first", () => {
    const run = drive(
      planOf([
        { id: "a", on_error: "fail" },
        { id: "b", deps: ["a"] },
        { id: "other" },
        { id: "join", deps: ["b", "other"] },
      ]),
    )
    run.apply(started)
    expect(finishOf(run.fail("a", failures.refused))).toBeUndefined()
    expect(finishOf(run.done("other"))).toMatchObject({ status: "failed" })
    expect(run.statuses()).toEqual({ a: "failed", b: "pruned", other: "success", join: "pruned" })
    expect(run.row("join").reason).toBe("upstream_failed")
    expect(run.view().transaction.error).toMatchObject({ task: "a", code: "HTTP_422" })
  })

  test("a failed task and a parked one: the transaction waits for the person, then fails", () => {
    const run = drive(planOf([{ id: "a", on_error: "fail" }, { id: "b" }]))
    run.apply(started)
    run.fail("a", failures.refused)
    run.fail("b", failures.notExecuted)
    expect(run.view().transaction.status).toBe("blocked")
    run.decide({ action: "retry", task: "b" })
    expect(finishOf(run.done("b"))).toMatchObject({ status: "failed" })
  })

  test("a deploy mistake parks even where the author chose fail", () => {
    const run = drive(planOf([{ id: "a", on_error: "fail" }]))
    run.apply(started)
    run.fail("a", failures.misconfigured)
    expect(run.statuses()).toEqual({ a: "parked" })
    expect(run.view().exceptions).toMatchObject([{ kind: "misconfigured", retry_safe: true }])
  })

  test("an unknown outcome of an unsafe call parks even where the author chose fail", () => {
    const run = drive(planOf([{ id: "a", on_error: "fail", effect: "unsafe" }]))
    run.apply(started)
    run.fail("a", failures.unknown)
    expect(run.statuses()).toEqual({ a: "parked" })
    expect(run.view().exceptions).toMatchObject([
      { kind: "unknown_outcome", severity: "critical", retry_safe: false },
    ])
  })

  test("an author's expression that fails parks the task without a call", () => {
    const run = drive(planOf([{ id: "a", input: ["$", ["f", ["v", "params"], "gone"]] }]))
    expect(callsOf(run.apply(started))).toEqual([])
    expect(run.row("a")).toMatchObject({
      status: "parked",
      outcome: "not_executed",
      error: { code: "expression_error" },
    })
    expect(run.view().exceptions).toMatchObject([{ kind: "flow_error" }])
  })

  test("the flow's own output failing gives null and an exception; the status stays success", () => {
    const run = drive(planOf([{ id: "a" }], { output: ["$", ["f", ["v", "params"], "gone"]] }))
    run.apply(started)
    expect(finishOf(run.done("a"))).toMatchObject({ status: "success", output: null })
    expect(run.view().exceptions).toMatchObject([{ task: null, kind: "flow_error", state: "open" }])
  })

  test("outputs that together outgrow what a run can hold park the task as executed", () => {
    const half = "x".repeat(700 * 1024)
    const run = drive(planOf([{ id: "a" }, { id: "b" }, { id: "c", deps: ["a", "b"], reads: ["a", "b"] }]))
    run.apply(started)
    run.done("a", half)
    run.done("b", half)
    expect(run.row("b")).toMatchObject({
      status: "parked",
      outcome: "executed",
      error: { code: "output_too_large" },
    })
    expect(run.machine.refuse({ id: "x", action: "retry", task: "b", actor: "ann" })).toBe("already_executed")
    run.decide({ action: "complete", task: "b", output: "small" })
    expect(run.row("b")).toMatchObject({ status: "success", outcome: "executed", output: "small" })
  })
})

describe("T1 time", () => {
  const endedAt = (run: ReturnType<typeof drive>, ended_at: number) => {
    run.apply({ kind: "done", token: run.callOf("a").token, output: null, ended_at })
    return run.row("a").ended_at
  }

  test("a task ends when its call did, whenever the workflow took the answer", () => {
    const run = drive(planOf([{ id: "a" }, { id: "b" }]))
    run.apply(started)
    expect(endedAt(run, 1_015)).toBe(1_015)
  })

  test("M6 a worker's clock may differ, but no task ends before it started", () => {
    const ahead = drive(planOf([{ id: "a" }, { id: "b" }]))
    ahead.apply(started)
    expect(endedAt(ahead, 9_999)).toBe(9_999)
    const behind = drive(planOf([{ id: "a" }, { id: "b" }]))
    behind.apply(started)
    expect(endedAt(behind, 5)).toBe(1_010)
  })

  test.each([Number.NaN, -1, 1e300, Number.POSITIVE_INFINITY])(
    "a clock that says %d is not believed",
    (at) => {
      const run = drive(planOf([{ id: "a" }, { id: "b" }]))
      run.apply(started)
      expect(endedAt(run, at)).toBe(1_020)
    },
  )

  // A timeout has only the time of the workflow task that took it, which a replay may take later.
  test.each(["alone", "with the answer that came after it"])(
    "a rough time stays with the task it belongs to: the timeout came %s",
    (how) => {
      const run = drive(planOf([{ id: "a" }, { id: "b" }, { id: "c", deps: ["b"] }]))
      run.apply(started)
      const { token } = run.callOf("a")
      const timeout = {
        kind: "failed",
        token,
        failure: { cause: "start_to_close", message: "late" },
      } as const
      const answer = { kind: "done", token: run.callOf("b").token, output: null, ended_at: 1_015 } as const
      if (how === "alone") {
        run.apply(timeout)
        run.apply(answer)
      } else run.apply(timeout, answer)
      expect(run.row("b").ended_at).toBe(1_015)
      expect(run.row("c").started_at).toBe(1_015)
    },
  )
})

describe("cancel", () => {
  test("nothing new starts, what runs is asked to stop and awaited (M4)", () => {
    const run = drive(diamond())
    run.apply(started)
    run.done("a")
    expect(run.apply({ kind: "cancel" }).map(({ kind }) => kind)).toEqual(["cancel_forward"])
    expect(finishOf(run.done("b"))).toBeUndefined()
    const end = run.fail("c", { cause: "cancelled", message: "stopped" })
    expect(finishOf(end)).toMatchObject({ status: "cancelled" })
    expect(run.statuses()).toEqual({ a: "success", b: "success", c: "cancelled", d: "cancelled" })
  })

  test("an effect that is unknown at the end stays on record as an open exception", () => {
    const run = drive(diamond())
    run.apply(started)
    run.apply({ kind: "cancel" })
    run.fail("a", { cause: "cancelled", message: "stopped" })
    expect(run.row("a").outcome).toBe("unknown")
    expect(run.view()).toMatchObject({
      transaction: { status: "cancelled", open_exceptions: 1 },
      exceptions: [{ task: "a", kind: "unknown_outcome", state: "open" }],
    })
  })

  test("a parked task's exception is superseded unless its outcome is unknown", () => {
    const run = drive(planOf([{ id: "clean" }, { id: "dirty" }]))
    run.apply(started)
    run.fail("clean", failures.notExecuted)
    run.fail("dirty", failures.unknown)
    run.decide({ action: "cancel" })
    expect(run.view().exceptions.map(({ task, state }) => [task, state])).toEqual([
      ["clean", "superseded"],
      ["dirty", "open"],
    ])
  })

  test("a question that a retry had closed opens again when the cancel comes before the call", () => {
    const held = drive(planOf([{ id: "a" }, { id: "b" }], { max_parallel: 1 }))
    held.apply(started)
    held.fail("a", failures.unknown)
    held.decide({ action: "retry", task: "a" })
    expect(held.statuses()).toEqual({ a: "pending", b: "running" })
    held.decide({ action: "cancel" })
    expect(held.view()).toMatchObject({
      transaction: { open_exceptions: 1 },
      exceptions: [{ task: "a", state: "reopened", resolved_at: null }],
    })
  })

  test("a second cancel is answered and changes nothing", () => {
    const run = drive(diamond())
    run.apply(started)
    run.decide({ action: "cancel", id: "one" })
    expect(run.decide({ action: "cancel", id: "two" })).toEqual([])
    expect(run.machine.answer("two")).toMatchObject({ status: "running" })
  })
})

describe("C4 a run that was reset", () => {
  const isReset = true
  const flags = [FLAGS.proven_repeats.id]
  const unsafe = planOf([{ id: "pay", effect: "unsafe" }, { id: "mail" }])

  test("sends an unsafe call as one of which nothing is known, and doubts nothing of it itself", () => {
    const run = drive(unsafe, { isReset, flags })
    run.apply(started)
    expect(run.callOf("pay").input.prior).toBe("unknown")
    expect(run.callOf("mail").input.prior).toBeUndefined()
    // As the run before had it: what it decided with that is in the history, and is replayed.
    run.fail("pay", { cause: "schedule_to_start", message: "no worker" })
    expect(run.row("pay")).toMatchObject({ status: "parked", outcome: "not_executed" })
  })

  test("doubts a repeat as well that was safe before: the run before may have made it", () => {
    const run = drive(unsafe, { isReset, flags })
    run.apply(started)
    run.fail("pay", failures.notExecuted)
    run.decide({ action: "retry", task: "pay" })
    expect(run.callOf("pay").input.prior).toBe("unknown")
    run.fail("pay", failures.unknown)
    run.decide({ action: "retry", task: "pay", attest: "not_executed" })
    expect(run.callOf("pay").input.prior).toBe("not_executed")
    // A person's word is about what was sent before it.
    run.fail("pay", failures.notExecuted)
    run.decide({ action: "retry", task: "pay" })
    expect(run.callOf("pay").input.prior).toBe("unknown")
  })

  test("an input that cannot be made is no doubt: a person may give another one, as before the reset", () => {
    const broken = planOf([
      { id: "pay", effect: "unsafe", input: ["$", ["f", ["v", "params"], "none"]] as const },
    ])
    for (const options of [{ flags }, { flags, isReset }]) {
      const run = drive(broken, options)
      run.apply(started)
      expect(run.row("pay")).toMatchObject({ status: "parked", outcome: "not_executed" })
      expect(
        run.machine.refuse({ id: "r", action: "retry_with_input", task: "pay", actor: "ann", input: 1 }),
      ).toBe(undefined)
    }
  })

  describe("before the flag proven_repeats", () => {
    test("starts unsafe tasks as unknown, so that their activities refuse to send; others start as ever", () => {
      const run = drive(planOf([{ id: "pay", effect: "unsafe" }, { id: "mail" }]), { isReset: true })
      run.apply(started)
      expect(run.callOf("pay").input.prior).toBe("unknown")
      expect(run.callOf("mail").input.prior).toBeUndefined()
    })

    test("believes an attestation made after the reset", () => {
      const run = drive(planOf([{ id: "pay", effect: "unsafe" }]), { isReset: true })
      run.apply(started)
      run.fail("pay", failures.unknown)
      run.decide({ action: "retry", task: "pay", attest: "not_executed" })
      expect(run.callOf("pay").input.prior).toBe("not_executed")
    })
  })
})

describe("changes", () => {
  test("after a resume the tasks that wait again are among all rows", () => {
    const run = drive(
      planOf([
        { id: "a", on_error: "fail" },
        { id: "b", deps: ["a"] },
        { id: "never", deps: ["b"] },
      ]),
    )
    run.apply(started)
    run.fail("a", failures.refused)
    const next = run.restart({ resume: { id: "again", action: "retry", actor: "ann" } })
    next.apply(started)
    const rows = next.machine.takeChanges("all").tasks
    expect(rows.map(({ path, status }) => [path, status])).toEqual([
      ["a", "running"],
      ["b", "pending"],
      ["never", "pending"],
    ])
  })

  test("dirty rows are given once; all rows are given again after a replay, but for pending ones", () => {
    const run = drive(diamond())
    run.apply(started)
    expect(run.machine.takeChanges("dirty").tasks.map(({ path }) => path)).toEqual(["a"])
    expect(run.machine.takeChanges("dirty")).toEqual({
      transaction: null,
      tasks: [],
      exceptions: [],
      decisions: [],
    })
    run.done("a")
    expect(run.machine.takeChanges("all").tasks.map(({ path }) => path)).toEqual(["a", "b", "c"])
    expect(run.machine.takeChanges("dirty").tasks).toEqual([])
  })

  test("a view's payloads are bounded, and what is left out is said to be", () => {
    const run = drive(planOf([{ id: "a" }, { id: "b" }]))
    run.apply(started)
    run.done("a", "x".repeat(100))
    run.done("b", "y".repeat(100))
    const rows = run.machine.view(150).tasks
    expect(rows.map(({ output_dropped }) => output_dropped)).toEqual([false, true])
  })
})
