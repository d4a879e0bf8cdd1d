/**
 * What a run needs of a plan besides its tasks: successor lists as two integer arrays, readers per task and
 * the name map. Depends on the plan alone, so one graph serves every run of it.
 */
import type { Plan, PlanTask } from "../contract/plan.ts"

export interface Graph {
  /** Successors of task i are `successors[firstSuccessor[i] .. firstSuccessor[i + 1]]`, in definition order. */
  readonly firstSuccessor: Int32Array
  readonly successors: Int32Array
  /** How many tasks read the output of task i, the flow's own output counted once. */
  readonly readers: Int32Array
  readonly positions: ReadonlyMap<string, number>
}

export function createGraph(plan: Plan): Graph {
  const size = plan.tasks.length
  const firstSuccessor = new Int32Array(size + 1)
  const readers = new Int32Array(size)
  plan.tasks.forEach((task, position) => {
    for (const dep of task.deps) bump(firstSuccessor, dep + 1)
    for (const read of task.reads) bump(readers, read)
    const { compensate } = task
    if (compensate === undefined || compensate === "none") return
    // Read when the transaction goes backward, whenever that is: these are never let go.
    for (const read of compensate.reads) bump(readers, read)
    if (compensate.reads_own.includes("output")) bump(readers, position)
  })
  for (const read of plan.output_reads) bump(readers, read)
  for (let task = 0; task < size; task++) bump(firstSuccessor, task + 1, firstSuccessor[task])

  const next = firstSuccessor.slice(0, size)
  const successors = new Int32Array(firstSuccessor[size] ?? 0)
  plan.tasks.forEach((task, position) => {
    for (const dep of task.deps) {
      successors[next[dep] ?? 0] = position
      bump(next, dep)
    }
  })
  return {
    firstSuccessor,
    successors,
    readers,
    positions: new Map(plan.tasks.map((task, position) => [task.id, position])),
  }
}

/** What the task read is needed again when it is undone. */
export function keepsInput({ compensate }: PlanTask): boolean {
  return compensate !== undefined && compensate !== "none" && compensate.reads_own.includes("input")
}

function bump(array: Int32Array, index: number, by = 1): void {
  array[index] = (array[index] ?? 0) + by
}
