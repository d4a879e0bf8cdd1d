/** Roles as sets of scopes. What a key of a role may do follows this table, also for keys that were made before. */
import { type Scope, SCOPES } from "./scopes.ts"

export const ROLES = ["viewer", "operator", "approver", "editor", "admin"] as const
export type Role = (typeof ROLES)[number]

const VIEWER: readonly Scope[] = ["flows:read", "transactions:read", "exceptions:read", "connections:read"]
const OPERATOR: readonly Scope[] = [...VIEWER, "transactions:write", "exceptions:write", "connections:test"]

/** Who may point a connection elsewhere can have its secrets sent there: that, and secrets, is for admins. */
export const SCOPES_OF_ROLE: Record<Role, readonly Scope[]> = {
  viewer: VIEWER,
  operator: OPERATOR,
  // Beside the ladder: who asks for a decision and who approves it are different people with different rights.
  approver: [...VIEWER, "transactions:approve"],
  editor: [...OPERATOR, "flows:write", "secrets:read"],
  admin: SCOPES,
}

export function isRole(word: string): word is Role {
  return (ROLES as readonly string[]).includes(word)
}
