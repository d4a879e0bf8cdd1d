/**
 * How the end of one task reaches the next ones (design 3, "Edges, joins and skipping").
 *
 * E1 an edge resolves once: live, dead or failed. E2 a parked task resolves nothing. E3 with join `all` a
 * task runs when every edge is resolved, at least one is live and none failed. E4 a failure spreads: what is
 * pruned because of a failure resolves its own edges as failed, so nothing behind a failed task ever runs.
 * E5 propagation uses a queue, never recursion.
 */
import { type MachineState, planTask, setStatus, stampEnd, statusOf } from "./state.ts"

export type Edge = "live" | "dead" | "failed"

export const UPSTREAM_FAILED = "upstream_failed"
/** Of a failed task whose flow goes on all the same. */
export const CONTINUED = "continued"
export const UPSTREAM_PRUNED = "upstream_pruned"

/** Undefined while the task's edges are unresolved. */
export function edgeOf(state: MachineState, task: number): Edge | undefined {
  switch (statusOf(state, task)) {
    case "success":
      return "live"
    case "skipped":
      return planTask(state, task).on_skip === "prune" ? "dead" : "live"
    case "failed":
      return state.tasks.reason[task] === CONTINUED ? "live" : "failed"
    case "pruned":
      return state.tasks.reason[task] === UPSTREAM_FAILED ? "failed" : "dead"
    case "cancelled":
      return "dead"
    case "pending":
    case "running":
    case "waiting":
    case "parked":
      return undefined
  }
}

/** Resolves the edges that leave a task that has just ended. */
export function resolveEdges(state: MachineState, ended: number): void {
  const queue = [ended]
  for (let head = 0; head < queue.length; head++) {
    const from = queue[head] ?? ended
    const edge = edgeOf(state, from)
    if (edge === undefined) throw new Error(`task ${from} has not ended`)
    const { firstSuccessor, successors } = state.graph
    for (let at = firstSuccessor[from] ?? 0; at < (firstSuccessor[from + 1] ?? 0); at++) {
      const to = successors[at] ?? 0
      resolve(state, to, edge)
      if (settleTask(state, to) === "pruned") queue.push(to)
    }
  }
}

/** Counts every edge anew from the statuses: after a snapshot or a resume. */
export function recountEdges(state: MachineState): void {
  state.ready.clear()
  state.plan.tasks.forEach((planTask, task) => {
    state.tasks.unresolved[task] = planTask.deps.length
    state.tasks.live[task] = 0
    state.tasks.failed[task] = 0
  })
  state.plan.tasks.forEach((planTask, task) => {
    for (const dep of planTask.deps) {
      const edge = edgeOf(state, dep)
      if (edge !== undefined) resolve(state, task, edge)
    }
    settleTask(state, task)
  })
}

function resolve(state: MachineState, task: number, edge: Edge): void {
  const { unresolved, live, failed } = state.tasks
  unresolved[task] = (unresolved[task] ?? 0) - 1
  if (edge === "live") live[task] = (live[task] ?? 0) + 1
  if (edge === "failed") failed[task] = 1
}

/** Makes a pending task ready or pruned once its edges allow it. */
function settleTask(state: MachineState, task: number): "ready" | "pruned" | "unchanged" {
  const { unresolved, live, failed, reason } = state.tasks
  if (unresolved[task] !== 0 || statusOf(state, task) !== "pending") return "unchanged"
  const isRoot = state.plan.tasks[task]?.deps.length === 0
  if (failed[task] === 0 && (isRoot || (live[task] ?? 0) > 0)) {
    state.ready.push(task)
    return "ready"
  }
  reason[task] = failed[task] === 1 ? UPSTREAM_FAILED : UPSTREAM_PRUNED
  stampEnd(state, task)
  setStatus(state, task, "pruned")
  return "pruned"
}
