import { createHash } from "node:crypto"
import { describe, expect, test } from "vitest"
import { packJson } from "../contract/packed-json.ts"
import { type Driver, drive, failures, planOf, type TaskSketch } from "./driver.testsuite.ts"

const started = { kind: "started" } as const
/** Temporal takes no larger message. */
const MESSAGE_BYTES = 2 * 1024 * 1024
const PLAN_BYTES = 54 * 1024

/** Base64 of hashes: text that hardly gets smaller. */
function noise(seed: number, length: number): string {
  let text = ""
  for (let at = 0; text.length < length; at++)
    text += createHash("sha512").update(`${seed} ${at}`).digest("base64")
  return text.slice(0, length)
}

/** 2,000 tasks, each failed for a reason of its own, and as many decisions as people like. */
function troubled(more: { tasks?: TaskSketch[]; params?: unknown } = {}): Driver {
  const failing = Array.from({ length: 2_000 }, (_, at) => ({ id: `t${at}` }))
  const plan = planOf([...(more.tasks ?? []), ...failing], { max_parallel: 2_500 })
  const run = drive(plan, { params: more.params ?? {}, planBytes: PLAN_BYTES })
  run.apply(started)
  for (let at = 0; at < 2_000; at++)
    run.fail(`t${at}`, { ...failures.refused, code: noise(at, 200), message: noise(at, 3_000) })
  for (let at = 0; at < 600; at++)
    run.decide({
      action: "retry",
      task: `t${at}`,
      id: noise(at, 100),
      reason: noise(at, 2_000),
      evidence: noise(at, 12_000),
    })
  return run
}

function messageBytes(run: Driver, params: unknown): number {
  return PLAN_BYTES + Buffer.byteLength(JSON.stringify(params)) + packJson(run.machine.snapshot()).length
}

describe("R1 live outputs", () => {
  const reader = (ids: string[]): TaskSketch => ({ id: "reader", deps: ids, reads: ids })
  const ids = Array.from({ length: 40 }, (_, at) => `w${at}`)
  const writers = ids.map((id) => ({ id }))

  /** @returns how many outputs were kept. */
  function fill(run: Driver): number {
    ids.forEach((id, at) => run.done(id, noise(at, 64_000)))
    return ids.filter((id) => run.row(id).status === "success").length
  }

  test("are kept up to 1 MiB where the params are small", () => {
    const run = drive(planOf([...writers, reader(ids)]), { planBytes: PLAN_BYTES })
    run.apply(started)
    expect(fill(run)).toBe(16)
  })

  test("make room for large params, and a task whose output does not fit parks as executed", () => {
    const params = { text: noise(1, 1_000_000) }
    const run = drive(planOf([...writers, reader(ids)]), { params, planBytes: PLAN_BYTES })
    run.apply(started)
    expect(fill(run)).toBe(6)
    expect(run.row("w39")).toMatchObject({
      status: "parked",
      outcome: "executed",
      error: { code: "output_too_large" },
    })
  })

  test("R2 fit into one message with everything else, at the worst", () => {
    const params = { text: noise(1, 1_000_000) }
    const run = troubled({ tasks: [...writers, reader(ids)], params })
    expect(fill(run)).toBe(6)
    expect(messageBytes(run, params)).toBeLessThan(MESSAGE_BYTES - 32 * 1024)
  })
})

describe("views of a run in which everything went wrong", () => {
  const run = troubled()

  test("the packed rows fit into an answer", () => {
    const packed = packJson(run.machine.view(1024 * 1024))
    expect(packed.length).toBeLessThan(MESSAGE_BYTES / 2)
    expect(run.machine.view(0).tasks).toHaveLength(2_000)
  })

  test("the brief one is small", () => {
    const { length } = JSON.stringify(run.machine.briefView())
    expect(length).toBeLessThan(1_000_000)
    expect(length).toBeGreaterThan(10_000)
  })
})

describe("decisions", () => {
  test("D4 one that holds too much is refused and changes nothing", () => {
    const run = drive(planOf([{ id: "a" }]))
    run.apply(started)
    run.fail("a", failures.refused)
    const decision = { id: "d", action: "retry", task: "a", actor: "ann", evidence: noise(1, 20_000) }
    expect(run.machine.refuse(decision)).toBe("decision_too_large")
    expect(run.machine.refuse({ ...decision, evidence: noise(1, 10_000) })).toBeUndefined()
    const deep: unknown = JSON.parse("[".repeat(20_000) + "]".repeat(20_000))
    expect(run.machine.refuse({ ...decision, evidence: null, output: deep })).toBe("decision_too_large")
  })

  test("one about thousands of tasks names the first hundred and counts the rest", () => {
    const run = drive(
      planOf(
        Array.from({ length: 300 }, (_, at) => ({ id: `t${at}` })),
        { max_parallel: 300 },
      ),
    )
    run.apply(started)
    for (let at = 0; at < 300; at++) run.fail(`t${at}`, failures.refused)
    run.decide({ action: "retry", id: "all" })
    expect(run.openTasks()).toHaveLength(300)
    expect(run.machine.answer("all")).toMatchObject({ more_tasks: 200 })
    expect(run.machine.answer("all")?.tasks).toHaveLength(100)
  })
})
