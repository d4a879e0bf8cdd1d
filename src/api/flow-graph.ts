/** A flow as a graph: its tasks, what follows what, and how far each is from the start. */
import { z } from "@hono/zod-openapi"
import type { Plan } from "../contract/plan.ts"
import { EFFECTS, TASK_KINDS } from "../contract/statuses.ts"
import type { FlowVersion } from "./flow-versions.ts"
import { toTaskName } from "./task-view.ts"

export const FlowGraph = z
  .object({
    flow_id: z.string(),
    version: z.int(),
    plan_hash: z.string(),
    nodes: z.array(
      z.object({
        id: z.string(),
        name: z.string(),
        type: z.enum(TASK_KINDS),
        effect: z.enum(EFFECTS),
        level: z.int().openapi({
          description: "0 where nothing comes before; else one more than the last of its dependencies.",
        }),
      }),
    ),
    edges: z.array(z.object({ from: z.string(), to: z.string(), on: z.literal("success") })),
  })
  .openapi("FlowGraph")

export function toGraph(version: FlowVersion): Pick<z.output<typeof FlowGraph>, "nodes" | "edges"> {
  const { tasks } = version.plan
  const levels = levelsOf(tasks)
  const nodes = tasks.map(({ id, kind, effect }, position) => ({
    id,
    name: toTaskName(version, id),
    type: kind,
    effect,
    level: levels[position] ?? 0,
  }))
  const edges = tasks.flatMap(({ id, deps }) =>
    deps.flatMap((position) => {
      const from = tasks[position]
      return from === undefined ? [] : [{ from: from.id, to: id, on: "success" as const }]
    }),
  )
  return { nodes, edges }
}

/** Level by level from those that depend on nothing; publish has refused cycles. */
export function levelsOf(tasks: readonly Pick<Plan["tasks"][number], "deps">[]): number[] {
  const levels = tasks.map(() => 0)
  const waitsFor = tasks.map(({ deps }) => deps.length)
  const followers = tasks.map((): number[] => [])
  for (const [position, { deps }] of tasks.entries()) for (const dep of deps) followers[dep]?.push(position)
  const ready = waitsFor.flatMap((count, position) => (count === 0 ? [position] : []))
  for (let position = ready.pop(); position !== undefined; position = ready.pop()) {
    for (const follower of followers[position] ?? []) {
      levels[follower] = Math.max(levels[follower] ?? 0, (levels[position] ?? 0) + 1)
      const left = (waitsFor[follower] ?? 0) - 1
      waitsFor[follower] = left
      if (left === 0) ready.push(follower)
    }
  }
  return levels
}
