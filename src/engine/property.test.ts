/**
 * Random graphs, faults, decisions, races and continue-as-news against a reference model that knows nothing
 * of the engine's code: who may start, what must never be repeated, and how it must end.
 */
import fc from "fast-check"
import { expect, test } from "vitest"
import type { Decision } from "../contract/messages.ts"
import type { Changes, ExceptionRow, TaskRow } from "../contract/rows.ts"
import { type DecisionAction, EFFECTS } from "../contract/statuses.ts"
import type { Command } from "./commands.ts"
import { type Driver, drive, failures, planOf, type TaskSketch } from "./driver.testsuite.ts"
import type { CallFailed } from "./events.ts"

const RUNS = process.env.HOLDFAST_SOAK === "full" ? 20_000 : 2_000
const MAX_STEPS = 120

interface Choices {
  below(limit: number): number
}

interface Model {
  sketches: TaskSketch[]
  /** What the outside world holds, by task: never the engine's own word. */
  world: Map<string, "nothing" | "maybe" | "done">
  attested: Set<string>
  ended: Map<string, "success" | "failed" | "continued" | "skipped">
  generations: Map<string, number>
  failFast: boolean
  paused: boolean
  /** How it must end, once something stopped it; the first reason counts. */
  stopped: "cancelled" | "failed" | undefined
  decided: string[]
}

/** A random choice is weighted by how often it stands here. */
const ACTIONS: readonly DecisionAction[] = [
  ...Array.from({ length: 8 }, () => ["retry", "skip", "complete"] as const).flat(),
  ...Array.from({ length: 4 }, () => ["retry_with_input", "pause", "resume"] as const).flat(),
  "fail",
  "fail",
  "cancel",
  "abort",
]
const OF_TRANSACTION: readonly DecisionAction[] = ["cancel", "abort", "pause", "resume"]

const FAILURES: readonly CallFailed[] = [
  failures.refused,
  failures.unknown,
  failures.notExecuted,
  failures.misconfigured,
  { cause: "start_to_close", message: "timeout" },
  { cause: "schedule_to_close", message: "timeout" },
  { cause: "lost", message: "worker lost" },
]

const sketchesOf = (choices: Choices): TaskSketch[] =>
  Array.from({ length: 1 + choices.below(9) }, (_, at) => ({
    id: `t${at}`,
    deps: Array.from({ length: at }, (_, dep) => `t${dep}`).filter(() => choices.below(3) === 0),
    effect: EFFECTS[choices.below(EFFECTS.length)] ?? "read",
    on_error: (["park", "park", "fail", "continue"] as const)[choices.below(4)] ?? "park",
  }))

function watch(model: Model, commands: Command[]): void {
  for (const command of commands) {
    if (command.kind !== "call") continue
    const [task = "", generation = "1"] = command.activity_id.split("@")
    const sketch = model.sketches.find(({ id }) => id === task)
    expect(model.stopped, `${task} started after a stop`).toBeUndefined()
    expect(model.paused, `${task} started during a pause`).toBe(false)
    for (const dep of sketch?.deps ?? [])
      expect(["success", "skipped", "continued"], `${task} started before ${dep} ended well`).toContain(
        model.ended.get(dep),
      )
    const world = model.world.get(task)
    expect(world, `${task} started although it is done`).not.toBe("done")
    const isNewKey = Number(generation) > (model.generations.get(task) ?? 1)
    model.generations.set(task, Number(generation))
    if ((sketch?.effect === "unsafe" || isNewKey) && world === "maybe")
      expect(model.attested.has(task), `unsafe ${task} was repeated after an unknown outcome`).toBe(true)
  }
}

function answer(model: Model, run: Driver, choices: Choices): void {
  const open = run.openTasks()
  const call = open[choices.below(open.length)]
  if (call === undefined) return
  const task = taskOf(call)
  if (choices.below(3) > 0) {
    model.world.set(task, "done")
    model.ended.set(task, "success")
    watch(model, run.done(call, { from: task }))
    return
  }
  const failure = FAILURES[choices.below(FAILURES.length)] ?? failures.unknown
  const isUnknown = failure.cause !== "reported" || failure.outcome === "unknown"
  model.world.set(task, isUnknown || model.world.get(task) === "maybe" ? "maybe" : "nothing")
  // A connector folds its report onto what was known before.
  const folded =
    failure.cause === "reported" && model.world.get(task) === "maybe"
      ? { ...failure, outcome: "unknown" as const }
      : failure
  const given = run.fail(call, folded)
  const status = run.statuses()[task]
  const sketch = model.sketches.find(({ id }) => id === task)
  const mustPark =
    (failure.cause === "reported" && failure.class === "misconfigured") ||
    (sketch?.effect === "unsafe" && model.world.get(task) === "maybe")
  if (!model.stopped) expect(status).toBe(mustPark || sketch?.on_error === "park" ? "parked" : "failed")
  if (status === "failed") endFailed(model, task, sketch?.on_error === "continue" ? "continued" : "failed")
  watch(model, given)
}

function endFailed(model: Model, task: string, how: "failed" | "continued"): void {
  model.ended.set(task, how)
  if (how === "failed" && model.failFast) model.stopped ??= "failed"
}

function taskOf(call: string): string {
  return call.split("@")[0] ?? call
}

function decideAtRandom(model: Model, run: Driver, choices: Choices): void {
  const action = ACTIONS[choices.below(ACTIONS.length)] ?? "retry"
  const task = `t${choices.below(model.sketches.length)}`
  const attest = ([undefined, "executed", "not_executed"] as const)[choices.below(3)]
  const repeated = choices.below(8) === 0 ? model.decided[choices.below(model.decided.length)] : undefined
  const decision: Decision = {
    id: repeated ?? `r${model.decided.length}-${choices.below(1_000_000)}`,
    action,
    actor: "ann",
    reason: "random",
    ...(OF_TRANSACTION.includes(action) || (action === "retry" && choices.below(4) === 0) ? {} : { task }),
    ...(action === "retry_with_input" ? { input: { by: "ann" } } : {}),
    ...(attest ? { attest } : {}),
  }
  const before = run.statuses()
  if (repeated !== undefined) {
    expect(run.decide(decision), "a repeated decision acted again").toEqual([])
    expect(run.statuses()).toEqual(before)
    return
  }
  const refused = run.machine.refuse(decision) !== undefined
  const targets = Object.keys(before).filter((id) => before[id] === "parked" && (decision.task ?? id) === id)
  if (!refused) {
    model.decided.push(decision.id)
    if (attest === "not_executed") for (const id of targets) model.attested.add(id)
    if (action === "cancel") model.stopped ??= "cancelled"
    if (action === "abort") model.stopped ??= "failed"
    if (action === "pause" || action === "resume") model.paused = action === "pause"
    if (action === "fail") endFailed(model, task, "failed")
    if (action === "skip") model.ended.set(task, "skipped")
    if (action === "complete") model.ended.set(task, "success")
  }
  const given = run.decide(decision)
  if (refused) expect(run.statuses()).toEqual(before)
  watch(model, given)
  // An attestation covers the repeat it was made for; without one, nobody repeats what may have happened.
  for (const id of targets) {
    if (!model.attested.delete(id)) continue
    model.world.set(id, "nothing")
  }
}

/** Ends whatever is left, the way a patient person would. */
function finishUp(model: Model, run: Driver): void {
  for (let guard = 0; guard < 500 && !isOver(run); guard++) {
    const [open] = run.openTasks()
    if (open !== undefined) {
      model.world.set(taskOf(open), "done")
      model.ended.set(taskOf(open), "success")
      watch(model, run.done(open))
      continue
    }
    if (model.paused) {
      model.paused = false
      watch(model, run.decide({ action: "resume", id: `resume${guard}` }))
      continue
    }
    const parked = Object.entries(run.statuses()).find(([, status]) => status === "parked")
    if (!parked) throw new Error(`stuck: ${JSON.stringify(run.statuses())}`)
    model.ended.set(parked[0], "success")
    watch(model, run.decide({ action: "complete", task: parked[0], attest: "executed", id: `end${guard}` }))
  }
}

function isBehindFailure(model: Model, task: string): boolean {
  const deps = model.sketches.find(({ id }) => id === task)?.deps ?? []
  return deps.some((dep) => model.ended.get(dep) === "failed" || isBehindFailure(model, dep))
}

const isOver = (run: Driver): boolean => run.commands.some((command) => command.kind === "finish")

function fold(
  mirror: { tasks: Map<string, TaskRow>; exceptions: Map<string, ExceptionRow> },
  changes: Changes,
): void {
  for (const row of changes.tasks) {
    const before = mirror.tasks.get(row.path)
    mirror.tasks.set(row.path, {
      ...row,
      input: row.input ?? before?.input ?? null,
      output: row.output_dropped ? (before?.output ?? null) : row.output,
      output_dropped: false,
    })
  }
  for (const row of changes.exceptions) mirror.exceptions.set(row.task ?? "", row)
}

test("the engine keeps its promises whatever happens", () => {
  const endings: Record<string, number> = {}
  fc.assert(
    fc.property(fc.array(fc.nat(1_000_000), { minLength: 400, maxLength: 400 }), (numbers) => {
      let at = 0
      const choices: Choices = {
        below: (limit) => (limit <= 0 ? 0 : (numbers[at++ % numbers.length] ?? 0) % limit),
      }
      const model: Model = {
        sketches: sketchesOf(choices),
        world: new Map(),
        attested: new Set(),
        ended: new Map(),
        generations: new Map(),
        failFast: choices.below(4) === 0,
        paused: false,
        stopped: undefined,
        decided: [],
      }
      const plan = planOf(model.sketches, {
        max_parallel: 1 + choices.below(4),
        ...(model.failFast ? { fail_fast: true } : {}),
      })
      const mirror = { tasks: new Map<string, TaskRow>(), exceptions: new Map<string, ExceptionRow>() }
      let run = drive(plan)
      watch(model, run.apply({ kind: "started" }))
      for (let step = 0; step < MAX_STEPS && !isOver(run); step++) {
        const choice = choices.below(10)
        if (choice < 6) answer(model, run, choices)
        else if (choice < 9) decideAtRandom(model, run, choices)
        else if (run.machine.quiet()) {
          fold(mirror, run.machine.takeChanges("dirty"))
          run = run.restart()
          watch(model, run.apply({ kind: "started" }))
          fold(mirror, run.machine.takeChanges("all"))
        }
        if (choices.below(2) === 0) fold(mirror, run.machine.takeChanges("dirty"))
      }
      finishUp(model, run)
      fold(mirror, run.machine.takeChanges("dirty"))

      const view = run.view()
      const failed = [...model.ended.values()].includes("failed")
      expect(view.transaction.status).toBe(model.stopped ?? (failed ? "failed" : "success"))
      endings[view.transaction.status] = (endings[view.transaction.status] ?? 0) + 1
      for (const row of view.tasks) {
        const ended = model.ended.get(row.path)
        if (ended) expect(row.status).toBe(ended === "continued" ? "failed" : ended)
        else if (row.status === "pruned") expect(isBehindFailure(model, row.path)).toBe(true)
        else expect([row.status, model.stopped !== undefined]).toEqual(["cancelled", true])
        if (model.world.get(row.path) === "done") expect(row.outcome).toBe("executed")
        const seen = mirror.tasks.get(row.path)
        expect({ ...seen, input: 0, output: 0 }).toEqual({
          ...row,
          input: 0,
          output: 0,
          output_dropped: false,
        })
      }
      expect([...mirror.exceptions.values()].map((row) => [row.task, row.state])).toEqual(
        expect.arrayContaining(view.exceptions.map((row) => [row.task, row.state])),
      )
      expect(view.transaction.open_exceptions).toBe(
        view.exceptions.filter(({ resolved_at }) => resolved_at === null).length,
      )
    }),
    { numRuns: RUNS, seed: 20_261_121 },
  )
  // The generator must reach every ending, or the test says less than it seems to.
  expect(Object.keys(endings).toSorted()).toEqual(["cancelled", "failed", "success"])
}, 600_000)
