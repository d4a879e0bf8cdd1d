import { describe, expect, test } from "vitest"
import { drive, failures, planOf, type TaskSketch } from "./driver.testsuite.ts"

const started = { kind: "started" } as const
const chain = (length: number): TaskSketch[] =>
  Array.from({ length }, (_, at) => ({ id: `t${at}`, deps: at === 0 ? [] : [`t${at - 1}`] }))

describe("continue-as-new", () => {
  test("M5 is wished for at a quiet point from the threshold on, and nothing starts instead", () => {
    const run = drive(planOf(chain(3)), { quiet: 8 })
    run.apply(started)
    expect(run.done("t0").map(({ kind }) => kind)).toEqual(["continue_as_new"])
    expect(run.machine.quiet()).toBe(true)
    const next = run.restart()
    expect(next.apply(started).map(({ kind }) => kind)).toEqual(["call"])
    expect(next.openTasks()).toEqual(["t1"])
    expect(next.machine.chain).toBe(1)
  })

  test("is not wished for while a call is open; new starts are held so that a quiet point comes", () => {
    const run = drive(planOf([{ id: "a" }, { id: "b" }, { id: "c", deps: ["a"] }]), { quiet: 8, hold: 9 })
    run.apply(started)
    expect(run.done("a")).toEqual([])
    expect(run.done("b").map(({ kind }) => kind)).toEqual(["continue_as_new"])
  })

  test("does not follow itself: a run in which nothing moved makes no wish", () => {
    const run = drive(planOf([{ id: "a" }]), { quiet: 4 })
    run.apply(started)
    run.fail("a", failures.refused)
    const next = run.restart({ history: 10 })
    expect(next.apply(started)).toEqual([])
    expect(next.view().transaction.status).toBe("blocked")
    expect(next.decide({ action: "retry" }).map(({ kind }) => kind)).toEqual(["continue_as_new"])
  })

  test("the last task ends the run instead of continuing it", () => {
    const run = drive(planOf(chain(1)), { quiet: 4 })
    run.apply(started)
    expect(run.done("t0").some(({ kind }) => kind === "finish")).toBe(true)
  })
})

describe("snapshot()", () => {
  test("keeps outputs that somebody may still read and says which it dropped", () => {
    const run = drive(
      planOf([{ id: "a" }, { id: "b", deps: ["a"], reads: ["a"] }, { id: "c", deps: ["b"], reads: ["b"] }]),
      { quiet: 10 },
    )
    run.apply(started)
    run.done("a", "one")
    run.done("b", "two")
    const next = run.restart()
    expect(next.row("a")).toMatchObject({ output: null, output_dropped: true })
    expect(next.row("b")).toMatchObject({ output: "two", output_dropped: false })
  })

  test("the flow's own output is a reader to the end", () => {
    const read = ["$", ["f", ["f", ["v", "tasks"], "a"], "output"]] as const
    const run = drive(planOf([{ id: "a" }, { id: "b", deps: ["a"] }], { output: read, output_reads: [0] }), {
      quiet: 8,
    })
    run.apply(started)
    run.done("a", "kept")
    const next = run.restart({ quiet: 1_000 })
    next.apply(started)
    expect(next.done("b")).toContainEqual({ kind: "finish", status: "success", output: "kept" })
  })

  test("the newest decisions travel, at most 500", () => {
    const run = drive(planOf([{ id: "a" }]))
    run.apply(started)
    for (let at = 0; at < 600; at++) {
      run.fail("a", failures.refused)
      run.decide({ action: "retry", task: "a", id: `key-${at}` })
    }
    const { answers } = run.machine.snapshot()
    expect(answers).toHaveLength(500)
    expect(answers.at(-1)?.[0]).toBe("key-599")
  })
})

describe("resume of a failed run", () => {
  const plan = planOf([{ id: "a" }, { id: "b", deps: ["a"], on_error: "fail" }, { id: "c", deps: ["b"] }])

  test("tries what failed again, waits again with what was pruned, keeps what is done", () => {
    const run = drive(plan)
    run.apply(started)
    run.done("a")
    run.fail("b", failures.refused)
    expect(run.view().transaction.status).toBe("failed")
    const next = run.restart({ resume: { id: "again", action: "retry", actor: "ann", reason: "fixed" } })
    expect(next.apply(started).map(({ kind }) => kind)).toEqual(["call"])
    expect(next.statuses()).toEqual({ a: "success", b: "running", c: "pending" })
    next.done("b")
    next.done("c")
    expect(next.view()).toMatchObject({
      chain: 1,
      transaction: { status: "success", error: null, open_exceptions: 0 },
      decisions: [
        { decision_id: "again", before: { status: "failed", tasks: [{ path: "b", status: "failed" }] } },
      ],
    })
  })
})
