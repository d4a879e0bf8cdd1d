/**
 * The static half of the pivot rule (design 4.4): in a flow that goes backward, what cannot be undone comes after
 * everything that can still be refused. Else a refusal would find an effect that nobody can take back.
 */
import type { CompiledTask } from "./compile-task.ts"
import type { Graph } from "./graph.ts"
import { pointerTo, type Report } from "./problem.ts"
import type { TaskDraft } from "./read-task.ts"

/** Problems that an administrator may publish a flow with all the same. */
export const OVERRIDES = ["irreversible_before_fallible"] as const
export type Override = (typeof OVERRIDES)[number]

/** @param tell is told of what it finds. */
export function checkPivot(
  drafts: readonly TaskDraft[],
  compiled: readonly (CompiledTask | undefined)[],
  { graph, tell }: { graph: Graph; tell: Report },
): void {
  // Of a graph that is not whole nobody can tell.
  if (graph.incomplete.size > 0 || compiled.includes(undefined)) return
  const fallible = drafts.flatMap(({ fields }, position) =>
    fields.must_succeed === true || compiled[position]?.plan.on_error === "continue" ? [] : [position],
  )
  for (const [position, task] of compiled.entries()) {
    if (task?.plan.irreversible !== true) continue
    const later = fallible.filter((other) => other !== position && !graph.isAncestor(other, position))
    const first = later[0]
    if (first === undefined) continue
    const { id } = task.plan
    const name = drafts[first]?.fields.id ?? "another task"
    const others = later.length === 1 ? "" : ` (and ${later.length - 1} more)`
    tell({
      pointer: pointerTo("/tasks", position),
      code: "irreversible_before_fallible",
      message: `${id} cannot be undone, and ${name}${others} can still be refused once it has happened`,
      fix: `let ${id} depend on ${name}, give it a compensate, or say must_succeed of ${name}`,
    })
  }
}
