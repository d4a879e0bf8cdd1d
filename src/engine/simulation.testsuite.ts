/**
 * Random transactions on the real engine against a world that keeps its own books: targets that fence by key, faults
 * of every kind, calls that arrive late, people who decide. What the world holds at the end is what counts, never the
 * engine's word. One seed makes one transaction, always the same.
 */
import { foldOutcome } from "../activities/fold-outcome.ts"
import { CURRENT_FLAGS } from "../contract/flags.ts"
import type { Decision } from "../contract/messages.ts"
import { type Operation, parseActivityId } from "../contract/names.ts"
import type { TransactionRow } from "../contract/rows.ts"
import { isEndStatus, type Outcome } from "../contract/statuses.ts"
import type { Template } from "../contract/tree.ts"
import type { Command } from "./commands.ts"
import { backward, type Driver, drive, planOf, PROBE, type TaskSketch } from "./driver.testsuite.ts"

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

interface Account {
  state: "none" | "applied" | "compensated" | "blocked"
  charges: number
  refunds: number
  /** A call is open, or ended without the proof that nothing ran. */
  touched: boolean
  /** Its compensation was sent once: what was begun is brought to its end. */
  undone: boolean
  /** Its compensation was answered: it is finished. */
  closed: boolean
}

/** What reaches the world; each generation of a task has an account of its own. */
interface Delivery {
  task: string
  generation: number
  operation: Operation
}

interface OpenCall extends Delivery {
  name: string
  attempts: number
  outcome: Outcome
}

type Verdict = "done" | "refused" | "found" | "not_found"

/** What people do; what is rare, less often still. */
const ACTIONS = ["retry", "retry", "retry", "probe", "pause", "resume", "resume", "cancel", "abort"] as const
type SimulatedAction = (typeof ACTIONS)[number] | "propose" | "approve" | "reject"

export function simulate(seed: number, without?: Ablation): SimulationResult {
  return new Simulation(seed, without).run()
}

class Simulation {
  readonly #random: () => number
  readonly #without: Ablation | undefined
  readonly #sketches: TaskSketch[]
  readonly #refusing = new Set<string>()
  readonly #faultRate: number
  readonly #accounts = new Map<string, Account>()
  /** Operations that reach the world some time after their caller gave up. */
  #late: Delivery[] = []
  readonly #open = new Map<string, OpenCall>()
  readonly #violations: string[] = []
  readonly #faults: Record<string, number> = {}
  readonly #legal: Record<string, number> = {}
  readonly #decided: string[] = []
  #run: Driver
  #transaction: TransactionRow | undefined
  #timer: Extract<Command, { kind: "timer" }> | undefined
  #isBack = false
  #now = 2_000

  constructor(seed: number, without: Ablation | undefined) {
    this.#random = mulberry(seed)
    this.#without = without
    this.#sketches = this.#sketch()
    this.#faultRate = this.#chance(0.5) ? 0.4 : 0.1
    const plan = planOf(this.#sketches, {
      backward: { ...backward, concurrency: 1 + this.#below(4) },
      max_parallel: 1 + this.#below(5),
      output: Object.fromEntries(this.#sketches.map(({ id }) => [id, effectOf(id)])),
      output_reads: this.#sketches.map((_, at) => at),
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
    // Whatever is still on its way arrives now.
    for (const late of this.#late.splice(0)) this.#reach(late)
    this.#judge()
    return {
      ending: this.#status(),
      violations: this.#violations,
      faults: this.#faults,
      decisions: this.#legal,
    }
  }

  #sketch(): TaskSketch[] {
    return Array.from({ length: 2 + this.#below(7) }, (_, at) => {
      const id = `t${at}`
      if (this.#chance(0.12)) this.#refusing.add(id)
      return {
        id,
        deps: Array.from({ length: at }, (_, dep) => `t${dep}`).filter(() => this.#chance(0.4)),
        effect: "keyed" as const,
        on_error: this.#chance(0.7) ? ("compensate" as const) : ("park" as const),
        compensate: "undo" as const,
        ...(this.#chance(0.5) ? { fenced: true as const } : {}),
        ...(this.#chance(0.4)
          ? { probe: this.#chance(0.5) ? { ...PROBE, fences: true as const } : PROBE }
          : {}),
      }
    })
  }

  #step(): void {
    this.#now += 10
    const choice = this.#below(20)
    if (choice < 13) this.#progress()
    else if (choice < 15) this.#deliverLate()
    else if (choice < 16) this.#fireTimer()
    else if (choice < 18) this.#decide()
    else if (choice < 19) this.#restart()
    else this.#progress()
  }

  /** What a patient person does once nothing else helps: everything is tried again, nothing is claimed. */
  #beReasonable(): void {
    this.#now += 1_000
    if (this.#open.size > 0) this.#progress(0)
    else if (this.#run.view().transaction.paused) this.#apply({ action: "resume" })
    else {
      this.#refusing.clear()
      this.#apply({ action: "retry" })
    }
  }

  /** One attempt of some open call ends. */
  #progress(faultRate = this.#faultRate): void {
    const call = [...this.#open.values()][this.#below(this.#open.size)]
    if (call === undefined) return
    call.attempts++
    const verdict = this.#attempt(call, faultRate)
    if (verdict === "done") {
      if (call.operation === "undo") this.#account(call).closed = true
      this.#end(call, () => this.#run.done(call.name, { effect: call.task }))
      return
    }
    if (verdict === "found" || verdict === "not_found") {
      const isFenced = verdict === "not_found" && this.#fences(call.task)
      // Only now it is known.
      if (isFenced) this.#account(call).touched = false
      const answer = { found: verdict === "found", output: { effect: call.task } }
      this.#end(call, () => this.#run.done(call.name, answer))
      return
    }
    if (verdict === "worker_lost") {
      this.#end(call, () => this.#run.fail(call.name, { cause: "lost", message: "worker lost" }))
      return
    }
    call.outcome = this.#fold(call.outcome, verdict)
    const isLast =
      verdict === "refused" || call.attempts >= MAX_ATTEMPTS || (this.#isBack && call.operation !== "undo")
    if (!isLast) return
    const { outcome } = call
    if (call.operation === "do") this.#account(call).touched = outcome === "unknown"
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
        if (this.#chance(0.5)) this.#reach(call)
        return "worker_lost"
      case "late":
        if (call.operation !== "probe") this.#late.push({ ...call })
        return "unknown"
      case "reply_lost":
        this.#reach(call)
        return "unknown"
      case undefined:
        return this.#reach(call)
    }
  }

  /** @param verdict of the world, whose targets fence by key: their refusal is proof. */
  #fold(before: Outcome, verdict: "refused" | "not_executed" | "unknown"): Outcome {
    const known = this.#without === "sticky_unknown" ? "not_started" : before
    return foldOutcome(known, { class: verdict, barrier: true })
  }

  /** An operation arrives at its target. */
  #reach({ task, generation, operation }: Delivery): Verdict {
    const account = this.#account({ task, generation })
    if (operation === "probe") return this.#reachProbe(task, account)
    return operation === "do" ? this.#reachDo(task, account) : this.#reachUndo(account)
  }

  #reachProbe(task: string, account: Account): "found" | "not_found" {
    if (account.state === "applied") return "found"
    if (this.#fences(task) && account.state === "none") account.state = "blocked"
    return "not_found"
  }

  #fences(task: string): boolean {
    return this.#sketches.find(({ id }) => id === task)?.probe?.fences === true
  }

  #reachDo(task: string, account: Account): "done" | "refused" {
    if (account.state === "applied" && this.#without !== "keys") return "done"
    if (account.state === "blocked" || (account.state === "compensated" && this.#without !== "keys"))
      return "refused"
    if (this.#refusing.has(task)) return "refused"
    account.state = "applied"
    account.charges++
    return "done"
  }

  #reachUndo(account: Account): "done" {
    if (account.state === "applied" || (account.state === "compensated" && this.#without === "keys")) {
      account.state = "compensated"
      account.refunds++
    } else if (account.state === "none" && this.#without !== "fence") account.state = "blocked"
    return "done"
  }

  #end(call: OpenCall, tell: () => Command[]): void {
    this.#open.delete(call.name)
    this.#watch(tell())
  }

  #deliverLate(): void {
    const [late] = this.#late.splice(this.#below(this.#late.length), 1)
    if (late !== undefined) this.#reach(late)
  }

  #fireTimer(): void {
    if (this.#timer === undefined) return
    const { at, of } = this.#timer
    this.#now = Math.max(this.#now, at)
    this.#timer = undefined
    this.#run.at(this.#now)
    this.#watch(this.#run.apply({ kind: "timer", of }))
  }

  #decide(): void {
    const task = `t${this.#below(this.#sketches.length)}`
    if (this.#chance(0.2)) {
      this.#decideInTwo(task)
      return
    }
    const action = ACTIONS[this.#below(ACTIONS.length)]
    const repeated = this.#chance(0.1) ? this.#decided[this.#below(this.#decided.length)] : undefined
    if (repeated !== undefined) {
      const before = JSON.stringify(this.#run.view())
      this.#watch(this.#run.decide({ action: action ?? "retry", id: repeated }))
      if (JSON.stringify(this.#run.view()) !== before)
        this.#violations.push("I9 a repeated decision acted again")
      return
    }
    // Rare, or no transaction would get far.
    if ((action === "cancel" || action === "abort") && !this.#chance(0.15)) return
    this.#apply({
      action: action ?? "retry",
      ...(action === "probe" || (action === "retry" && this.#chance(0.5)) ? { task } : {}),
    })
  }

  /** A retry that takes two; nobody, somebody else, or whoever asked answers it. */
  #decideInTwo(task: string): void {
    const waiting = this.#run.view().transaction.pending_approvals ?? []
    const request = waiting[this.#below(waiting.length)]
    if (request === undefined || this.#chance(0.4)) {
      this.#apply({ action: "propose", proposed: "retry", task })
      return
    }
    const actor = this.#chance(0.8) ? "bob" : "ann"
    const action = this.#chance(0.8) ? "approve" : "reject"
    const isLegal = this.#apply({ action, request: request.id, actor })
    if (action === "approve" && actor === "ann" && isLegal) this.#violations.push("Q own request approved")
    if (action === "approve" && actor === "bob" && !isLegal)
      this.#violations.push("Q2 what waits is not possible")
  }

  #apply(decision: Omit<Partial<Decision>, "action"> & { action: SimulatedAction }): boolean {
    const id = `d${this.#decided.length}`
    const isLegal = this.#run.machine.refuse({ actor: "ann", ...decision, id }) === undefined
    this.#watch(this.#run.decide({ ...decision, id }))
    if (isLegal) {
      this.#decided.push(id)
      this.#legal[decision.action] = (this.#legal[decision.action] ?? 0) + 1
    }
    return isLegal
  }

  #restart(): void {
    if (!this.#run.machine.quiet()) return
    this.#run = this.#run.restart()
    this.#timer = undefined
    this.#watch(this.#run.apply({ kind: "started" }))
  }

  #watch(commands: readonly Command[]): void {
    if (["compensating", "compensated"].includes(this.#status())) this.#isBack = true
    for (const command of commands) {
      if (command.kind === "timer") this.#timer = command
      if (command.kind !== "call") continue
      const { path: task, generation, operation } = parseActivityId(command.activity_id)
      if (operation === "undo") this.#watchUndo({ task, generation })
      else if (operation === "do") this.#account({ task, generation }).touched = true
      if (operation !== "undo" && this.#isBack)
        this.#violations.push(`I3 ${task} was started on the way back`)
      const outcome = command.input.prior ?? "not_started"
      this.#open.set(command.activity_id, {
        name: command.activity_id,
        task,
        generation,
        operation,
        attempts: 0,
        outcome,
      })
    }
  }

  #watchUndo({ task, generation }: Omit<Delivery, "operation">): void {
    const account = this.#account({ task, generation })
    if (!account.touched && !account.undone)
      this.#violations.push(`I5 ${task} is undone and nobody ever reached it`)
    account.undone = true
    for (const { id } of this.#sketches)
      if (this.#dependsOn(id, task) && this.#accountsOf(id).some(isLeft))
        this.#violations.push(`I5 order: ${task} is undone before ${id}, which depends on it`)
  }

  #dependsOn(task: string, on: string): boolean {
    const deps = this.#sketches.find(({ id }) => id === task)?.deps ?? []
    return deps.some((dep) => dep === on || this.#dependsOn(dep, on))
  }

  #judge(): void {
    const view = this.#run.view()
    const status = this.#status()
    if (!this.#isOver()) this.#violations.push(`I2 stuck: ${status} ${JSON.stringify(this.#run.statuses())}`)
    if (status !== "success" && status !== "compensated") this.#violations.push(`I2 it ended as ${status}`)
    for (const row of view.tasks) {
      const accounts = this.#accountsOf(row.path)
      const charges = accounts.reduce((sum, account) => sum + account.charges, 0)
      const refunds = accounts.reduce((sum, account) => sum + account.refunds, 0)
      const net = charges - refunds
      const wanted = status === "success" ? 1 : 0
      const books = `${row.path} of a ${status}: ${charges} charges, ${refunds} refunds`
      if (charges > 1 || refunds > 1) this.#violations.push(`I4 double: ${books}`)
      if (net < wanted) this.#violations.push(`I4 lost: ${books}`)
      if (net > wanted) this.#violations.push(`I4 leak: ${books}`)
    }
    if (view.transaction.pending_approvals !== undefined)
      this.#violations.push("Q2 something waits although it is over")
    const output = JSON.stringify(view.transaction.output)
    const expected = JSON.stringify(Object.fromEntries(this.#sketches.map(({ id }) => [id, id])))
    if (status === "success" && output !== expected) this.#violations.push(`I6 the output is ${output}`)
  }

  #status(): string {
    this.#transaction = this.#run.machine.takeChanges("dirty").transaction ?? this.#transaction
    return this.#transaction?.status ?? "pending"
  }

  #isOver(): boolean {
    return isEndStatus(this.#status())
  }

  #account({ task, generation }: Omit<Delivery, "operation">): Account {
    const name = `${task}@${generation}`
    const found = this.#accounts.get(name)
    if (found !== undefined) return found
    const account: Account = {
      state: "none",
      charges: 0,
      refunds: 0,
      touched: false,
      undone: false,
      closed: false,
    }
    this.#accounts.set(name, account)
    return account
  }

  #accountsOf(task: string): Account[] {
    return [...this.#accounts].flatMap(([name, account]) => (name.startsWith(`${task}@`) ? [account] : []))
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }

  #chance(probability: number): boolean {
    return this.#random() < probability
  }
}

/** Its effect is there, or may be or come. */
function isLeft({ state, touched, closed }: Account): boolean {
  return (touched || state === "applied") && !closed
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
