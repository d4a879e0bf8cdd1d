/**
 * What people do with a simulated transaction. What they say of an effect they have looked up, and they wait until
 * nothing more can come of it; or they say nothing, and the engine must not let them.
 */
import type { Decision } from "../contract/messages.ts"
import type { TaskRow } from "../contract/rows.ts"
import type { DecisionAction } from "../contract/statuses.ts"
import type { Driver } from "./driver.testsuite.ts"
import type { Judge } from "./simulation-judge.testsuite.ts"
import type { World } from "./simulation-world.testsuite.ts"

export type Said = Partial<Decision> & { action: DecisionAction }

export interface Choices {
  below: (limit: number) => number
  chance: (probability: number) => boolean
}

/** What they see, and what they can do. */
export interface Scene extends Choices {
  readonly world: World
  readonly judge: Judge
  run: () => Driver
  /**
   * @param first done in the world before a decision that is legal.
   * @returns whether it was.
   */
  apply: (said: Said, first?: () => void) => boolean
  /** The ids of those that were legal. */
  readonly decided: readonly string[]
}

/** What is rare, less often still. */
const ABOUT_ALL = ["retry", "pause", "resume", "resume", "cancel", "abort"] as const
const ABOUT_TASK = [
  "retry",
  "retry",
  "retry_unsafe",
  "retry_unsafe",
  "retry_with_input",
  "probe",
  "probe",
  "complete",
  "skip",
  "fail",
] as const satisfies DecisionAction[]
const ABOUT_UNDO = ["retry", "mark_compensated", "waive_compensation"] as const

export function decideSomething(scene: Scene): void {
  const { below, chance } = scene
  if (chance(0.15)) decideInTwo(scene)
  else if (chance(0.1)) repeat(scene)
  else if (chance(0.4)) {
    const action = ABOUT_ALL[below(ABOUT_ALL.length)] ?? "retry"
    // Rare, or no transaction would get far.
    if ((action !== "cancel" && action !== "abort") || chance(0.15)) scene.apply({ action })
  } else decideOnTask(scene)
}

function repeat({ run, judge, apply, decided, below }: Scene): void {
  const id = decided[below(decided.length)]
  if (id === undefined) return
  const before = JSON.stringify(run().view())
  apply({ action: ABOUT_ALL[below(ABOUT_ALL.length)] ?? "retry", id })
  if (JSON.stringify(run().view()) !== before) judge.find("I9 a repeated decision acted again")
}

/** A retry that takes two; nobody, somebody else, or whoever asked answers it. */
function decideInTwo({ run, judge, apply, below, chance }: Scene): void {
  const view = run().view()
  const waiting = view.transaction.pending_approvals ?? []
  const request = waiting[below(waiting.length)]
  if (request === undefined || chance(0.4)) {
    const row = pick(view.tasks, { below, chance })
    if (row !== undefined) apply({ action: "propose", proposed: "retry", task: row.path })
    return
  }
  const actor = chance(0.8) ? "bob" : "ann"
  const action = chance(0.8) ? "approve" : "reject"
  const isLegal = apply({ action, request: request.id, actor })
  if (action === "approve" && actor === "ann" && isLegal) judge.find("Q own request approved")
  if (action === "approve" && actor === "bob" && !isLegal) judge.find("Q2 what waits is not possible")
}

function decideOnTask(scene: Scene): void {
  const row = pick(scene.run().view().tasks, scene)
  if (row === undefined) return
  if (row.compensation === "parked") endUndo(scene, row)
  else endTask(scene, row)
}

/** Mostly one that needs somebody. */
function pick(tasks: readonly TaskRow[], { below, chance }: Choices): TaskRow | undefined {
  const stuck = tasks.filter(({ status, compensation }) => status === "parked" || compensation === "parked")
  const among = stuck.length > 0 && chance(0.9) ? stuck : tasks
  return among[below(among.length)]
}

function endTask(scene: Scene, row: TaskRow): void {
  const { world, judge, below, chance } = scene
  const action = ABOUT_TASK[below(ABOUT_TASK.length)] ?? "retry"
  const said: Said = {
    action,
    task: row.path,
    ...(action === "complete" ? { output: { effect: row.path } } : {}),
    ...(action === "retry_with_input" ? { input: { by: "ann" } } : {}),
  }
  if (action === "probe" || (action === "retry" && chance(0.5))) {
    scene.apply(said)
    return
  }
  if (chance(0.3)) {
    const isOpen = world.accountsOf(row.path).some(({ touched }) => touched)
    if (scene.apply(said) && isOpen && action !== "retry")
      judge.find(`D3 ${action} of ${row.path}, and nobody said what became of it`)
    return
  }
  const isThere = world.look(row.path) !== undefined
  if (!isThere && action === "complete" && chance(0.5)) {
    scene.apply({ ...said, executed_externally: true }, () => {
      const account = world.account({ task: row.path, generation: row.generation })
      account.touched = true
      if (world.target(row.path).effect !== "read") world.charge(account)
    })
    return
  }
  attest(scene, said, isThere)
}

/** @param isThere what was found. */
export function attest({ world, apply }: Scene, said: Said & { task?: string }, isThere: boolean): void {
  const evidence = "looked up"
  if (isThere) {
    apply({ ...said, attest: "executed", evidence })
    return
  }
  apply({ ...said, attest: "not_executed", evidence }, () => {
    for (const account of world.accountsOf(said.task ?? "")) account.touched = false
  })
}

function endUndo({ world, apply, below }: Scene, { path: task, generation }: TaskRow): void {
  const action = ABOUT_UNDO[below(ABOUT_UNDO.length)] ?? "retry"
  const account = world.account({ task, generation })
  apply({ action, task, ...(action === "retry" ? {} : { evidence: "receipt" }) }, () => {
    if (action === "waive_compensation") account.closed = "waived"
    if (action !== "mark_compensated") return
    if (world.look(task) !== undefined) world.refund(account)
    account.closed = "by_hand"
  })
}
