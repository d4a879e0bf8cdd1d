/**
 * The targets of a simulated transaction, and their own books: what they were asked, what they did, and what is still on
 * its way to them.
 */
import type { Operation } from "../contract/names.ts"
import type { Effect } from "../contract/statuses.ts"

export interface Target {
  id: string
  effect: Effect
  /** Remembers a key that was taken back before its call came; its refusal is proof. */
  fences: boolean
  /** Whether it can be asked what became of a call, and then lets it in no more. */
  answers: "nothing" | "finds" | "fences"
  /** Of what it has done it refuses a repeat: it looks at the business before it looks at the key. */
  forgetsToLook: boolean
  /** What it refuses until somebody sees to it: the first input, its compensation. */
  refuses: { input: boolean; undo: boolean }
}

export interface Account {
  state: "none" | "applied" | "compensated" | "blocked"
  charges: number
  refunds: number
  /** Charges that came when its compensation was over. */
  strays: number
  /** A call is open, or ended without the proof that nothing ran. */
  touched: boolean
  /** Its compensation was sent once: what was begun is brought to its end. */
  undone: boolean
  /** Its compensation is over: it was answered, or a person ended it. */
  closed: false | "answered" | "by_hand" | "waived"
}

/** What reaches the world; each generation of a task has an account of its own. */
export interface Delivery {
  task: string
  generation: number
  operation: Operation
}

export type Key = Omit<Delivery, "operation">
export type Verdict = "done" | "refused" | "found" | "not_found"

export class World {
  readonly #targets: ReadonlyMap<string, Target>
  readonly #without: "fence" | "keys" | undefined
  readonly #accounts = new Map<string, Account>()
  /** Operations that reach the world some time after their caller gave up. */
  #late: Delivery[] = []

  constructor(targets: readonly Target[], without: "fence" | "keys" | undefined) {
    this.#targets = new Map(targets.map((target) => [target.id, target]))
    this.#without = without
  }

  target(task: string): Target {
    const found = this.#targets.get(task)
    if (!found) throw new Error(`the world has no target ${task}`)
    return found
  }

  /** An operation arrives at its target. */
  reach({ task, generation, operation }: Delivery): Verdict {
    const account = this.account({ task, generation })
    const target = this.target(task)
    if (operation === "probe") return this.#reachProbe(target, account)
    if (operation === "undo") return this.#reachUndo(target, account)
    return this.#reachDo(target, account, generation)
  }

  #reachProbe({ answers }: Target, account: Account): "found" | "not_found" {
    if (account.state === "applied") return "found"
    if (answers === "fences" && account.state === "none") account.state = "blocked"
    return "not_found"
  }

  #reachDo(target: Target, account: Account, generation: number): "done" | "refused" {
    const { effect, fences, forgetsToLook, refuses } = target
    const hasKeys = effect !== "unsafe" && this.#without !== "keys"
    if (account.state === "blocked") return "refused"
    if (hasKeys && account.state === "compensated") return fences ? "refused" : "done"
    if (hasKeys && account.state === "applied") return forgetsToLook ? "refused" : "done"
    if (refuses.input && generation === 1) return "refused"
    if (effect !== "read") this.charge(account)
    return "done"
  }

  #reachUndo({ fences, refuses }: Target, account: Account): "done" | "refused" {
    if (refuses.undo) return "refused"
    if (account.state === "applied" || (account.state === "compensated" && this.#without === "keys"))
      this.refund(account)
    else if (account.state === "none" && fences && this.#without !== "fence") account.state = "blocked"
    return "done"
  }

  charge(account: Account): void {
    account.state = "applied"
    account.charges++
    if (account.closed !== false) account.strays++
  }

  refund(account: Account): void {
    account.state = "compensated"
    account.refunds++
  }

  delay({ task, generation, operation }: Delivery): void {
    if (operation !== "probe") this.#late.push({ task, generation, operation })
  }

  /** Something that was on its way arrives. */
  arrive(below: (limit: number) => number): void {
    const [late] = this.#late.splice(below(this.#late.length), 1)
    if (late !== undefined) this.reach(late)
  }

  /** Whatever is still on its way arrives now. */
  arriveAll(): void {
    for (const late of this.#late.splice(0)) this.reach(late)
  }

  /** What a person finds who has waited until nothing more can come of it. */
  look(task: string): Account | undefined {
    const coming = this.#late.filter((late) => late.task === task)
    this.#late = this.#late.filter((late) => late.task !== task)
    for (const late of coming) this.reach(late)
    return this.accountsOf(task).find(({ state }) => state === "applied")
  }

  /** Nobody refuses anything any more. What was sent before that is refused still. */
  relent(): void {
    this.arriveAll()
    for (const target of this.#targets.values()) target.refuses = { input: false, undo: false }
  }

  account({ task, generation }: Key): Account {
    const name = `${task}@${generation}`
    const found = this.#accounts.get(name)
    if (found !== undefined) return found
    const account: Account = {
      state: "none",
      charges: 0,
      refunds: 0,
      strays: 0,
      touched: false,
      undone: false,
      closed: false,
    }
    this.#accounts.set(name, account)
    return account
  }

  accountsOf(task: string): Account[] {
    return [...this.#accounts].flatMap(([name, account]) => (name.startsWith(`${task}@`) ? [account] : []))
  }
}
