/** What must hold of a simulated transaction while it runs and at its end: the world's books say, never the engine. */
import type { TaskRow, View } from "../contract/rows.ts"
import type { TaskSketch } from "./driver.testsuite.ts"
import type { Account, Delivery, Key, World } from "./simulation-world.testsuite.ts"

export class Judge {
  readonly violations: string[] = []
  readonly #sketches: ReadonlyMap<string, TaskSketch>
  readonly #world: World
  /** Tasks of which the engine was told "done" when their compensation was over. */
  readonly #toldLate = new Set<string>()
  /** The last generation of a task that was sent, and the last that had another input. */
  readonly #lastGeneration = new Map<string, number>()
  readonly #usedKeys = new Map<string, number>()
  #mayFail = false

  constructor(sketches: readonly TaskSketch[], world: World) {
    this.#sketches = new Map(sketches.map((sketch) => [sketch.id, sketch]))
    this.#world = world
  }

  find(violation: string): void {
    this.violations.push(violation)
  }

  /**
   * A call was wanted: nothing of it has reached the world.
   *
   * @param isAwaited a call of the task is open still, and the time for that is not over.
   */
  watchCall({ task, generation, operation }: Delivery, isAwaited: boolean): void {
    const account = this.#world.account({ task, generation })
    if (operation === "undo") {
      this.#watchUndo(task, account)
      if (isAwaited && this.#sketches.get(task)?.fenced !== true)
        this.find(`4.4 drain: ${task} is undone while its call is open`)
    }
    if (operation !== "do") return
    this.#lastGeneration.set(task, generation)
    if (generation <= (this.#usedKeys.get(task) ?? 0))
      this.find(`I4 key: ${task} has another input, and the old key`)
    const others = this.#world.accountsOf(task).filter((other) => other !== account)
    if (others.some(isLeft)) this.find(`I4 repeat: ${task} under a new key, and the old one may have run`)
    if (account.touched && this.#world.target(task).effect === "unsafe")
      this.find(`I4 repeat: ${task} is unsafe and may have run`)
    account.touched = true
  }

  #watchUndo(task: string, account: Account): void {
    if (this.#sketches.get(task)?.compensate !== "undo") this.find(`I5 ${task} is undone and has no undoing`)
    if (!account.touched && !account.undone) this.find(`I5 ${task} is undone and nobody ever reached it`)
    account.undone = true
    for (const { id, compensate } of this.#sketches.values())
      if (compensate === "undo" && this.#dependsOn(id, task) && this.#world.accountsOf(id).some(isLeft))
        this.find(`I5 order: ${task} is undone before ${id}, which depends on it`)
  }

  #dependsOn(task: string, on: string): boolean {
    const deps = this.#sketches.get(task)?.deps ?? []
    return deps.some((dep) => dep === on || this.#dependsOn(dep, on))
  }

  watchDone({ task, generation }: Key): void {
    if (this.#world.account({ task, generation }).strays > 0) this.#toldLate.add(task)
  }

  /** A person gave it another input: nothing is sent under the keys that it had. */
  watchInput(task: string): void {
    this.#usedKeys.set(task, this.#lastGeneration.get(task) ?? 0)
  }

  /** A person gave a task up: where its flow does not go backward for it, the transaction fails as it stands. */
  watchFail(task: string): void {
    if (this.#sketches.get(task)?.on_error === "park") this.#mayFail = true
  }

  /** From here on it goes backward. */
  watchTurn(): void {
    for (const { id, irreversible } of this.#sketches.values())
      if (irreversible === true && this.#world.accountsOf(id).some(isLeft))
        this.find(`4.4 pivot: it goes backward, and ${id} may have happened`)
  }

  judge(view: View): void {
    const { status, output, pending_approvals: waiting } = view.transaction
    if (status !== "success" && status !== "compensated" && !(status === "failed" && this.#mayFail))
      this.find(`I2 it ended as ${status}`)
    for (const row of view.tasks) {
      const [least, most] = this.#wantedOf(row, status)
      const accounts = this.#world.accountsOf(row.path)
      const charges = accounts.reduce((sum, account) => sum + account.charges, 0)
      const refunds = accounts.reduce((sum, account) => sum + account.refunds, 0)
      const net = charges - refunds
      const books = `${row.path} (${row.outcome}) of a ${status}: ${charges} charges, ${refunds} refunds`
      if (charges > 1 || refunds > 1) this.find(`I4 double: ${books}`)
      if (net < least) this.find(`I4 lost: ${books}`)
      if (net > most) this.find(`I4 leak: ${books}`)
      const isUndone = row.compensation !== "none" && row.compensation !== "not_needed"
      if (isUndone && this.#sketches.get(row.path)?.compensate !== "undo")
        this.find(`I5 ${row.path} has no undoing, and somebody is asked for it`)
    }
    for (const task of this.#toldLate)
      if (!view.exceptions.some((row) => row.task === task && row.kind === "late_execution"))
        this.find(`4.4 late: ${task} came after its compensation, and nobody is told`)
    if (waiting !== undefined) this.find("Q2 something waits although it is over")
    const expected = JSON.stringify(this.#outputOf(view))
    if (status === "success" && JSON.stringify(output) !== expected)
      this.find(`I6 the output is ${JSON.stringify(output)}`)
  }

  /** The net effect, at least and at most. What the engine says of an effect that stays is true. */
  #wantedOf({ path, outcome }: TaskRow, status: string): [number, number] {
    const { effect } = this.#world.target(path)
    if (effect === "read") return [0, 0]
    if (status === "compensated" && this.#sketches.get(path)?.compensate === "undo")
      return [0, this.#mayStay(path)]
    if (outcome === "unknown") return [0, status === "compensated" ? 1 : 0]
    return outcome === "executed" ? [1, 1] : [0, 0]
  }

  /**
   * A target that does not fence lets in what comes after its compensation, and so does one where a person compensated
   * by hand.
   */
  #mayStay(task: string): number {
    const { fences } = this.#world.target(task)
    let most = 0
    for (const { strays, closed } of this.#world.accountsOf(task)) {
      if (closed === "waived") most++
      else if (!fences || closed === "by_hand") most += strays
    }
    return most
  }

  /** What the flow makes of its tasks; nothing where a person skipped one, for then its output is missing. */
  #outputOf({ tasks }: View): unknown {
    if (tasks.some(({ status }) => status === "skipped")) return null
    return Object.fromEntries(Array.from(this.#sketches.keys(), (id) => [id, id]))
  }
}

/** Its effect is there, or may be or come. */
function isLeft({ state, touched, closed }: Account): boolean {
  return (touched || state === "applied") && closed === false
}
