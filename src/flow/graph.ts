/** The tasks' dependencies: resolved, without cycles, and who comes before whom. */
import { FLOW_LIMITS } from "./limits.ts"
import type { FindNearest } from "../contract/nearest.ts"
import { findOptional, type OptionalNode } from "./optional-tasks.ts"
import { pointerTo, quote, type Report } from "./problem.ts"

/** A task as far as the graph is concerned; wrong parts are missing. */
export interface Node {
  /** To the task in the document. */
  pointer: string
  id?: string | undefined
  /** As written; undefined when the field is wrong in itself. */
  dependsOn: readonly string[] | undefined
  skips?: OptionalNode["skips"]
}

export interface Graph {
  /** The first task with this id. */
  positionOf(id: string): number | undefined
  ids(): Iterable<string>
  /** Positions of the tasks a task depends on, without repeats and without those that do not exist. */
  deps: number[][]
  /** Tasks whose dependencies are wrong: what they may refer to cannot be told. */
  incomplete: Set<number>
  /** Tasks that may be skipped or pruned although nothing fails: they may have no output. */
  optional: ReadonlySet<number>
  /** Whether `task` always runs after `ancestor`. A task on a cycle comes before itself. */
  isAncestor(ancestor: number, task: number): boolean
}

/** Reports repeated ids, unknown dependencies, too many edges, and each dependency that closes a cycle with its path. */
export function readGraph(nodes: readonly Node[], report: Report, nearest: FindNearest): Graph {
  const positions = readIds(nodes, report)
  const edges = nodes.reduce((sum, node) => sum + (node.dependsOn?.length ?? 0), 0)
  const incomplete = new Set<number>()
  const deps = nodes.map((node, position) => {
    const found = new Set<number>()
    if (node.dependsOn === undefined) incomplete.add(position)
    for (const [index, id] of (node.dependsOn ?? []).entries()) {
      const dep = positions.get(id)
      if (dep !== undefined) {
        found.add(dep)
        continue
      }
      incomplete.add(position)
      const meant = nearest(id, positions.keys())
      report({
        pointer: pointerTo(node.pointer, "depends_on", index),
        code: "unknown_task",
        message: `there is no task ${quote(id)}`,
        ...(meant === undefined ? {} : { fix: `did you mean ${meant}?` }),
      })
    }
    return [...found]
  })
  if (edges > FLOW_LIMITS.edges) {
    const message = `a flow may have ${FLOW_LIMITS.edges} dependencies, this one has ${edges}`
    report({ pointer: "/tasks", code: "too_many_edges", message })
  }
  reportCycles(nodes, deps, report)
  const isAncestor = createAncestry(deps)
  const optional = findOptional(
    deps.map((before, position) => ({ deps: before, skips: nodes[position]?.skips })),
  )
  return {
    positionOf: (id) => positions.get(id),
    ids: () => positions.keys(),
    deps,
    incomplete,
    optional,
    isAncestor,
  }
}

function readIds(nodes: readonly Node[], report: Report): Map<string, number> {
  const positions = new Map<string, number>()
  for (const [position, { id, pointer }] of nodes.entries()) {
    if (id === undefined) continue
    const first = positions.get(id)
    if (first === undefined) positions.set(id, position)
    else {
      report({
        pointer: pointerTo(pointer, "id"),
        code: "duplicate_id",
        message: `the id ${quote(id)} is already that of ${nodes[first]?.pointer ?? "another task"}`,
      })
    }
  }
  return positions
}

/** Answers are worked out per task when first asked for. */
function createAncestry(deps: readonly number[][]): Graph["isAncestor"] {
  const known = new Map<number, Uint8Array>()
  return (ancestor, task) => {
    let ancestors = known.get(task)
    if (ancestors === undefined) {
      ancestors = ancestorsOf(task, deps)
      known.set(task, ancestors)
    }
    return ancestors[ancestor] === 1
  }
}

function ancestorsOf(task: number, deps: readonly number[][]): Uint8Array {
  const found = new Uint8Array(deps.length)
  const waiting = [...(deps[task] ?? [])]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (found[next] === 1) continue
    found[next] = 1
    waiting.push(...(deps[next] ?? []))
  }
  return found
}

/** A depth-first walk without recursion: a dependency on a task that is still being walked closes a cycle. */
function reportCycles(nodes: readonly Node[], deps: readonly number[][], report: Report): void {
  const state = new Uint8Array(nodes.length)
  const path: { task: number; next: number }[] = []
  for (let start = 0; start < nodes.length; start++) {
    if (state[start] !== NEW) continue
    path.push({ task: start, next: 0 })
    state[start] = OPEN
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const dep = deps[top.task]?.[top.next++]
      if (dep === undefined) {
        state[top.task] = CLOSED
        path.pop()
      } else if (state[dep] === NEW) {
        state[dep] = OPEN
        path.push({ task: dep, next: 0 })
      } else if (state[dep] === OPEN) {
        const from = path.findIndex(({ task }) => task === dep)
        reportCycle(nodes, [...path.slice(from).map(({ task }) => task), dep], report)
      }
    }
  }
}

const NEW = 0
const OPEN = 1
const CLOSED = 2

/** `cycle` goes from a task to what it depends on, and ends where it began. */
function reportCycle(nodes: readonly Node[], cycle: readonly number[], report: Report): void {
  const names = cycle.map((position) => nodes[position]?.id ?? "?")
  const shown = names.length <= 12 ? names : [...names.slice(0, 6), "…", ...names.slice(-5)]
  const closing = nodes[cycle.at(-2) ?? 0]
  const index = closing?.dependsOn?.indexOf(names[0] ?? "") ?? 0
  report({
    pointer: pointerTo(closing?.pointer ?? "", "depends_on", index),
    code: "cycle",
    message: `these tasks wait for each other: ${shown.join(" -> ")} (each depends on the next)`,
    fix: "remove one of these dependencies",
  })
}
