/** Which tasks may not run although nothing fails: they may have no output, and their input may not be needed. */

export interface OptionalNode {
  deps: readonly number[]
  /** What is left undone when the task is not wanted: itself alone, or what depends on it alone as well. */
  skips?: "itself" | "followers" | undefined
}

/** Positions of the tasks that may be skipped or pruned. O(tasks + edges). */
export function findOptional(nodes: readonly OptionalNode[]): Set<number> {
  const optional = new Set<number>()
  const pruning: number[] = []
  for (const [position, { skips }] of nodes.entries()) {
    if (skips === undefined) continue
    optional.add(position)
    if (skips === "followers") pruning.push(position)
  }
  if (pruning.length === 0) return optional
  const prunes = new Set(pruning)
  const followers = nodes.map((): number[] => [])
  for (const [position, { deps }] of nodes.entries()) for (const dep of deps) followers[dep]?.push(position)
  for (let next = pruning.pop(); next !== undefined; next = pruning.pop())
    for (const follower of followers[next] ?? []) {
      if (prunes.has(follower) || !nodes[follower]?.deps.every((dep) => prunes.has(dep))) continue
      prunes.add(follower)
      optional.add(follower)
      pruning.push(follower)
    }
  return optional
}
