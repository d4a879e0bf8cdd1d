/** Warnings that need the whole flow: what is legal and probably not meant. */
import type { CompiledTask } from "./compile-task.ts"
import type { Graph } from "./graph.ts"
import { pointerTo, quote, type Report } from "./problem.ts"

/** Tasks of parallel branches that change rows of one table race with each other; only adding rows is fine. */
export function warnOfParallelWrites(
  tasks: readonly (CompiledTask | undefined)[],
  graph: Graph,
  warn: Report,
): void {
  const writers = new Map<string, { position: number; replaces: boolean }[]>()
  for (const [position, task] of tasks.entries()) {
    if (task?.writes === undefined) continue
    const { connection, table, replaces } = task.writes
    const key = JSON.stringify([connection, table.toLowerCase()])
    const others = writers.get(key) ?? []
    writers.set(key, others)
    const rival = others.find(
      (other) =>
        (replaces || other.replaces) &&
        !graph.isAncestor(other.position, position) &&
        !graph.isAncestor(position, other.position),
    )
    if (rival !== undefined) {
      warn({
        pointer: pointerTo("/tasks", position, "config", "table"),
        code: "parallel_writes",
        message: `${task.plan.id} and ${tasks[rival.position]?.plan.id ?? "another task"} change ${quote(table)} and may run at the same time`,
        fix: "let one depend on the other",
      })
    }
    others.push({ position, replaces })
  }
}
