/** How deep a value nests. What comes from outside is parsed without a limit, and almost everything after that recurses. */

/** Whether lists and objects nest to more than `levels`; `[]` is one level. Looks no deeper than that. */
export function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false
  if (levels === 0) return true
  return Object.values(value).some((member) => isDeeperThan(member, levels - 1))
}

/** A copy in which a text stands for everything that nests deeper. */
export function cutDeeperThan(value: unknown, levels: number): unknown {
  if (typeof value !== "object" || value === null) return value
  if (levels === 0) return "… (nested deeper)"
  if (Array.isArray(value)) return value.map((member) => cutDeeperThan(member, levels - 1))
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, cutDeeperThan(member, levels - 1)]),
  )
}
