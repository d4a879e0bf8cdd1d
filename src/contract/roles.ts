/** What a process of `holdfast start` may do; several at once, or all. */
export const ROLES = ["api", "flow-worker", "task-worker", "sweeper"] as const
export type Role = (typeof ROLES)[number]

export function isRole(word: string): word is Role {
  return (ROLES as readonly string[]).includes(word)
}
