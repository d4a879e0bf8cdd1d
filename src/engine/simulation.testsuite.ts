/**
 * Random transactions on the real engine against a world that keeps its own books: targets of every kind, faults of
 * every kind, calls that arrive late, people who decide. What the world holds at the end is what counts, never the
 * engine's word. One seed makes one transaction, always the same.
 */
import { foldOutcome } from "../activities/fold-outcome.ts"
import { CURRENT_FLAGS } from "../contract/flags.ts"
import { parseActivityId } from "../contract/names.ts"
import type { TransactionRow } from "../contract/rows.ts"
import { isEndStatus, type Outcome } from "../contract/statuses.ts"
import type { Template } from "../contract/tree.ts"
import type { Command } from "./commands.ts"
import { backward, type Driver, drive, planOf, PROBE, type TaskSketch } from "./driver.testsuite.ts"
import { Judge } from "./simulation-judge.testsuite.ts"
import { attest, decideSomething, type Said, type Scene } from "./simulation-people.testsuite.ts"
import { type Delivery, type Target, type Verdict, World } from "./simulation-world.testsuite.ts"

/**
 * One for each rule of design 4.4, and what goes wrong without it. `open_is_unknown` and `undo_unknown` are switched off
 * in the engine, `sticky_unknown` in the fold of the activities; `fence` and `keys` are what targets do, so without them
 * it is the world that changes: that the engine relies on them is what this shows.
 */
export const ABLATIONS = {
  open_is_unknown: "I4 leak",
  sticky_unknown: "I4 leak",
  undo_unknown: "I4 leak",
  fence: "I4 leak",
  keys: "I4 double",
} as const
export type Ablation = keyof typeof ABLATIONS

export interface SimulationResult {
  ending: string
  violations: string[]
  faults: Record<string, number>
  /** Decisions that were legal, by action. */
  decisions: Record<string, number>
}

const MAX_STEPS = 400
const MAX_ATTEMPTS = 3
export const FAULTS = ["refused_connection", "reply_lost", "error_before", "late", "worker_lost"] as const

interface OpenCall extends Delivery {
  name: string
  attempts: number
  outcome: Outcome
  /** It takes long: others come and go meanwhile. */
  isSlow: boolean
}

export function simulate(seed: number, without?: Ablation): SimulationResult {
  return new Simulation(seed, without).run()
}

class Simulation {
  readonly #random: () => number
  readonly #without: Ablation | undefined
  readonly #world: World
  readonly #judge: Judge
  readonly #people: Scene
  readonly #faultRate: number
  readonly #open = new Map<string, OpenCall>()
  readonly #faults: Record<string, number> = {}
  readonly #legal: Record<string, number> = {}
  readonly #decided: string[] = []
  #run: Driver
  #transaction: TransactionRow | undefined
  #timer: Extract<Command, { kind: "timer" }> | undefined
  #isBack = false
  #isPaused = false
  #isDrained = false
  #hasRetried = false
  #now = 2_000

  constructor(seed: number, without: Ablation | undefined) {
    this.#random = mulberry(seed)
    this.#without = without
    const targets = Array.from({ length: 2 + this.#below(7) }, (_, at) => this.#target(`t${at}`))
    const sketches = targets.map((target, at) => this.#sketch(target, at))
    this.#world = new World(targets, without === "fence" || without === "keys" ? without : undefined)
    this.#judge = new Judge(sketches, this.#world)
    this.#people = {
      world: this.#world,
      judge: this.#judge,
      decided: this.#decided,
      run: () => this.#run,
      apply: (said, first) => this.#apply(said, first),
      below: (limit) => this.#below(limit),
      chance: (probability) => this.#chance(probability),
    }
    this.#faultRate = this.#chance(0.5) ? 0.4 : 0.1
    const plan = planOf(sketches, {
      backward: { ...backward, concurrency: 1 + this.#below(4) },
      max_parallel: 1 + this.#below(5),
      output: Object.fromEntries(sketches.map(({ id }) => [id, effectOf(id)])),
      output_reads: sketches.map((_, at) => at),
    })
    this.#run = drive(plan, {
      flags: [...CURRENT_FLAGS],
      rules: {
        openIsUnknown: without !== "open_is_unknown",
        undoUnknown: without !== "undo_unknown",
      },
    })
  }

  run(): SimulationResult {
    this.#watch(this.#run.apply({ kind: "started" }))
    for (let step = 0; step < MAX_STEPS && !this.#isOver(); step++) this.#step()
    for (let patience = 0; patience < MAX_STEPS && !this.#isOver(); patience++) this.#beReasonable()
    if (!this.#isOver())
      this.#judge.find(`I2 stuck: ${this.#status()} ${JSON.stringify(this.#run.statuses())}`)
    this.#world.arriveAll()
    this.#judge.judge(this.#run.view())
    return {
      ending: this.#status(),
      violations: this.#judge.violations,
      faults: this.#faults,
      decisions: this.#legal,
    }
  }

  #target(id: string): Target {
    const kind = this.#below(20)
    const effect = kind < 2 ? "read" : kind < 5 ? "unsafe" : kind < 7 ? "idempotent" : "keyed"
    const fences = (effect === "keyed" || effect === "idempotent") && this.#chance(0.75)
    return {
      id,
      effect,
      fences,
      answers:
        effect === "read" || this.#chance(0.6) ? "nothing" : fences && this.#chance(0.5) ? "fences" : "finds",
      forgetsToLook: !fences && this.#chance(0.5),
      refuses: { input: this.#chance(0.12), undo: this.#chance(0.08) },
    }
  }

  #sketch({ id, effect, fences, answers }: Target, at: number): TaskSketch {
    const shared = {
      id,
      effect,
      deps: Array.from({ length: at }, (_, dep) => `t${dep}`).filter(() => this.#chance(0.4)),
      on_error: this.#chance(0.7) ? ("compensate" as const) : ("park" as const),
    }
    if (effect === "read") return shared
    const probe = answers === "fences" ? { ...PROBE, fences: true as const } : PROBE
    const asked = answers === "nothing" ? {} : { probe }
    const kind = this.#below(20)
    if (kind < 1) return { ...shared, ...asked, irreversible: true }
    if (kind < 3) return { ...shared, ...asked, compensate: "none" }
    // What the flow does not know of its target, it does not use.
    const fenced = fences && this.#chance(0.6) ? { fenced: true as const } : {}
    return { ...shared, ...asked, ...fenced, compensate: "undo" }
  }

  #step(): void {
    this.#now += 10
    const choice = this.#below(20)
    if (choice < 13) this.#progress()
    else if (choice < 15) this.#world.arrive(this.#people.below)
    else if (choice < 16) this.#fireTimer()
    else if (choice < 18) decideSomething(this.#people)
    else if (choice < 19) this.#restart()
    else this.#progress()
  }

  /** What a patient person does once nothing else helps: everything is tried again, then everything is looked up. */
  #beReasonable(): void {
    this.#now += 1_000
    if (this.#open.size > 0) this.#progress(0)
    else if (this.#isPaused) this.#apply({ action: "resume" })
    else {
      this.#world.relent()
      this.#hasRetried = !this.#hasRetried
      if (this.#hasRetried) this.#apply({ action: "retry" })
      else this.#lookUp()
    }
  }

  #lookUp(): void {
    for (const { path: task, status, outcome } of this.#run.view().tasks) {
      if (status !== "parked" || outcome !== "unknown") continue
      const isThere = this.#world.look(task) !== undefined
      const said: Said = isThere ? { action: "complete", output: { effect: task } } : { action: "retry" }
      attest(this.#people, { ...said, task }, isThere)
    }
  }

  /** One attempt of some open call ends. */
  #progress(faultRate = this.#faultRate): void {
    const call = [...this.#open.values()][this.#below(this.#open.size)]
    if (call === undefined || (call.isSlow && faultRate > 0 && this.#chance(0.9))) return
    call.attempts++
    const account = this.#world.account(call)
    const { effect, fences, answers } = this.#world.target(call.task)
    const verdict = this.#attempt(call, faultRate)
    if (verdict === "done") {
      if (call.operation === "undo") account.closed = "answered"
      else this.#judge.watchDone(call)
      this.#end(call, () => this.#run.done(call.name, { effect: call.task }))
      return
    }
    if (verdict === "found" || verdict === "not_found") {
      // Only now it is known.
      if (verdict === "not_found" && answers === "fences") account.touched = false
      const answer = { found: verdict === "found", output: { effect: call.task } }
      this.#end(call, () => this.#run.done(call.name, answer))
      return
    }
    if (verdict === "worker_lost") {
      this.#end(call, () => this.#run.fail(call.name, { cause: "lost", message: "worker lost" }))
      return
    }
    // A fencing target has looked at the key first: its refusal is proof.
    const known = this.#without === "sticky_unknown" ? "not_started" : call.outcome
    call.outcome = foldOutcome(known, { class: verdict, barrier: fences })
    const { outcome } = call
    const isOnce = effect === "unsafe" && call.operation === "do" && outcome === "unknown"
    const isLast =
      verdict === "refused" ||
      isOnce ||
      call.attempts >= MAX_ATTEMPTS ||
      (this.#isBack && call.operation !== "undo")
    if (!isLast) return
    if (call.operation === "do") account.touched = outcome === "unknown"
    this.#end(call, () =>
      this.#run.fail(call.name, {
        cause: "reported",
        class: verdict,
        outcome,
        code: `SIM_${verdict}`,
        message: verdict,
      }),
    )
  }

  #attempt(call: OpenCall, faultRate: number): Verdict | "not_executed" | "unknown" | "worker_lost" {
    const fault = this.#chance(faultRate) ? FAULTS[this.#below(FAULTS.length)] : undefined
    if (fault !== undefined) this.#faults[fault] = (this.#faults[fault] ?? 0) + 1
    if (fault === "refused_connection") return "not_executed"
    switch (fault) {
      case "error_before":
        return "unknown"
      case "worker_lost":
        if (this.#chance(0.5)) this.#world.reach(call)
        return "worker_lost"
      case "late":
        this.#world.delay(call)
        return "unknown"
      case "reply_lost":
        this.#world.reach(call)
        return "unknown"
      case undefined:
        return this.#world.reach(call)
    }
  }

  #end(call: OpenCall, tell: () => Command[]): void {
    this.#open.delete(call.name)
    this.#watch(tell())
  }

  #fireTimer(): void {
    if (this.#timer === undefined) return
    const { at, of } = this.#timer
    this.#now = Math.max(this.#now, at)
    this.#timer = undefined
    if (of === "drain") this.#isDrained = true
    this.#run.at(this.#now)
    this.#watch(this.#run.apply({ kind: "timer", of }))
  }

  #apply(said: Said, first?: () => void): boolean {
    const decision = { actor: "ann", id: `d${this.#decided.length}`, ...said }
    const isLegal = this.#run.machine.refuse(decision) === undefined
    const isNew = this.#run.machine.answer(decision.id) === undefined
    if (isLegal && isNew) {
      const { action } = said
      first?.()
      this.#decided.push(decision.id)
      this.#legal[action] = (this.#legal[action] ?? 0) + 1
      if (action === "retry_with_input") this.#judge.watchInput(said.task ?? "")
      if (action === "fail") this.#judge.watchFail(said.task ?? "")
      if (action === "pause" || action === "resume") this.#isPaused = action === "pause"
    }
    this.#watch(this.#run.decide(decision))
    return isLegal
  }

  #restart(): void {
    if (!this.#run.machine.quiet()) return
    this.#run = this.#run.restart()
    this.#timer = undefined
    this.#watch(this.#run.apply({ kind: "started" }))
  }

  #watch(commands: readonly Command[]): void {
    const now = this.#status()
    if (!this.#isBack && (now === "compensating" || now === "compensated")) {
      this.#isBack = true
      this.#judge.watchTurn()
    }
    if (now === "blocked" && this.#transaction?.open_exceptions === 0 && !this.#isPaused)
      this.#judge.find("I2 it is blocked, and nobody is asked")
    for (const command of commands) {
      if (command.kind === "timer") this.#timer = command
      if (command.kind !== "call") continue
      const name = command.activity_id
      const { path: task, generation, operation } = parseActivityId(name)
      if (operation !== "undo" && this.#isBack) this.#judge.find(`I3 ${task} was started on the way back`)
      if (this.#isPaused) this.#judge.find(`I3 ${task} was started in a pause`)
      const isOpen = [...this.#open.values()].some((call) => call.task === task && call.operation === "do")
      this.#judge.watchCall({ task, generation, operation }, isOpen && !this.#isDrained)
      const outcome = command.input.prior ?? "not_started"
      this.#open.set(name, {
        name,
        task,
        generation,
        operation,
        attempts: 0,
        outcome,
        isSlow: this.#chance(0.15),
      })
    }
  }

  #status(): string {
    this.#transaction = this.#run.machine.takeChanges("dirty").transaction ?? this.#transaction
    return this.#transaction?.status ?? "pending"
  }

  #isOver(): boolean {
    return isEndStatus(this.#status())
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }

  #chance(probability: number): boolean {
    return this.#random() < probability
  }
}

/** `${ tasks.<id>.output.effect }` */
function effectOf(id: string): Template {
  return ["$", ["f", ["f", ["f", ["v", "tasks"], id], "output"], "effect"]]
}

/** Mulberry32: small, and the same everywhere. */
function mulberry(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
