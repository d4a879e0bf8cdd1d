import { describe, expect, test } from "vitest"
import type { OutputReference } from "../contract/activities.ts"
import { FLAGS } from "../contract/flags.ts"
import type { Tree } from "../contract/tree.ts"
import { parseExpression } from "../flow/parse-expression.ts"
import { type Driver, drive, planOf, type TaskSketch } from "./driver.testsuite.ts"

const started = { kind: "started" } as const
const reference: OutputReference = { sha256: "ab".repeat(32), bytes: 3_000_000, type: "object" }
const $ = (source: string): readonly ["$", Tree] => ["$", parseExpression(source)]
const shown = {
  by_reference: { task: "big", ...reference, read: "GET /api/v1/transactions/{id}/tasks/big/output" },
}
const reader = (more: Omit<TaskSketch, "id">): TaskSketch => ({
  id: "reader",
  deps: ["big"],
  reads: ["big"],
  sends_input: true,
  ...more,
})

/** A flow of one large output and one reader, up to where the reader would be called. */
function runTo(sketch: TaskSketch, kept = reference): Driver {
  const run = drive(planOf([{ id: "big" }, sketch]))
  run.apply(started)
  run.keep("big", kept)
  return run
}

describe("a task's output that is kept by reference", () => {
  test("is shown as such in its row, with the key of what is kept", () => {
    const run = runTo(reader({}))
    expect(run.row("big")).toMatchObject({
      status: "success",
      outcome: "executed",
      output: shown,
      output_sha256: reference.sha256,
    })
  })

  test("leaves null in a call, and says beside the data what belongs there", () => {
    const small = { ...reference, bytes: 1_000_000 }
    const run = runTo(
      reader({
        input: { all: $("tasks.big.output"), list: ["[", "x", $("{'deep': [tasks.big.output]}")] },
        config: { url: "/x", body: $("input.all") },
      }),
      small,
    )
    expect(JSON.parse(JSON.stringify(run.callOf("reader").input))).toEqual({
      effect: "keyed",
      config: { url: "/x", body: null },
      input: { all: null, list: ["x", { deep: [null] }] },
      references: [
        { ...small, at: ["config", "body"] },
        { ...small, at: ["input", "all"] },
        { ...small, at: ["input", "list", 1, "deep", 0] },
      ],
    })
    const told = { by_reference: { ...shown.by_reference, ...small } }
    expect(run.row("reader").input).toEqual({ all: told, list: ["x", { deep: [told] }] })
  })

  test("is not asked for where the input is not sent", () => {
    const run = runTo(reader({ input: $("tasks.big.output"), sends_input: false }))
    expect(run.callOf("reader").input).not.toHaveProperty("references")
    expect(run.row("reader").input).toEqual(shown)
  })

  test.each([
    ["input", reader({ input: $("tasks.big.output.id") })],
    ["config", reader({ config: { url: ["+", "/", parseExpression("tasks.big.output.id")] } })],
    ["when", reader({ when: $("size(tasks.big.output) > 1") })],
  ])("parks the task that looks into it in %s, and says what to do", (_where, sketch) => {
    const { status, outcome, error } = runTo(sketch).row("reader")
    expect({ status, outcome, code: error?.code }).toEqual({
      status: "parked",
      outcome: "not_executed",
      code: "expression_error",
    })
    expect(error?.message).toMatch(
      /^kept_by_reference: .*the output of task big.*3000000 bytes.*"output" of big/,
    )
  })

  test("may not be more than a call can hold, together", () => {
    const large = { ...reference, bytes: 5 * 1024 * 1024 }
    const twice = runTo(reader({ input: $("[tasks.big.output, tasks.big.output]") }), large)
    expect(twice.row("reader")).toMatchObject({
      status: "parked",
      outcome: "not_executed",
      input: null,
      error: { class: "misconfigured", code: "input_too_large" },
    })
    expect(twice.row("reader").error?.message).toContain("10485760 bytes")
    expect(runTo(reader({ input: $("tasks.big.output") }), large).row("reader").status).toBe("running")
  })

  test("survives a continue-as-new as what it is", () => {
    const run = drive(planOf([{ id: "big" }, reader({ input: $("tasks.big.output") })]), { quiet: 7 })
    run.apply(started)
    expect(run.keep("big", reference).map(({ kind }) => kind)).toEqual(["continue_as_new"])
    const next = run.restart({ quiet: 1_000 })
    next.apply(started)
    expect(next.callOf("reader").input.references).toEqual([{ ...reference, at: ["input"] }])
    expect(next.row("big")).toMatchObject({ output: shown, output_sha256: reference.sha256 })
    next.done("reader")
    // Nobody reads it any more: the mirror keeps what it has.
    expect(next.restart().row("big")).toMatchObject({ output: null, output_dropped: true })
    expect(next.restart().row("big")).not.toHaveProperty("output_sha256")
  })

  test("takes little of the room that live outputs have", () => {
    const ids = Array.from({ length: 300 }, (_, at) => `w${at}`)
    const sketches = ids.map((id) => ({ id }))
    const run = drive(planOf([...sketches, { id: "reader", deps: ids, reads: ids }], { max_parallel: 300 }))
    run.apply(started)
    for (const id of ids) run.keep(id, { ...reference, bytes: 5_000_000 })
    expect(ids.filter((id) => run.row(id).status === "success")).toHaveLength(300)
  })

  test.each([
    ["whole", $("tasks.big.output"), shown],
    ["as a part", { all: $("tasks.big.output"), n: 1 }, { all: shown, n: 1 }],
  ])("can be the flow's own output, %s", (_how, output, wanted) => {
    const run = drive(planOf([{ id: "big" }], { output, output_reads: [0] }))
    run.apply(started)
    const [finish] = run.keep("big", reference)
    expect(JSON.parse(JSON.stringify(finish))).toEqual({ kind: "finish", status: "success", output: wanted })
    expect(run.view().transaction.output).toEqual(wanted)
  })

  test("is no output that only looks like one", () => {
    const run = drive(planOf([{ id: "big" }, reader({ input: $("tasks.big.output.by_reference.bytes") })]))
    run.apply(started)
    run.done("big", shown)
    expect(run.callOf("reader").input).toMatchObject({ input: 3_000_000 })
    expect(run.callOf("reader").input).not.toHaveProperty("references")
    expect(run.row("big")).not.toHaveProperty("output_sha256")
  })
})

describe("the flag outputs_by_reference", () => {
  test("says in every call that the run takes a reference", () => {
    const plan = planOf([{ id: "a" }])
    const [old, current] = [drive(plan), drive(plan, { flags: [FLAGS.outputs_by_reference.id] })]
    for (const run of [old, current]) run.apply(started)
    expect(old.callOf("a").input).not.toHaveProperty("by_reference")
    expect(current.callOf("a").input.by_reference).toBe(true)
  })
})
