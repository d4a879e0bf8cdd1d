/** What an API key may do. Each route declares one; `public` routes ask for no key. */
export const SCOPES = [
  "flows:read",
  "flows:write",
  "flows:override",
  "transactions:read",
  "transactions:write",
  "transactions:force",
  "transactions:approve",
  "exceptions:read",
  "exceptions:write",
  "connections:read",
  "connections:test",
  "connections:write",
  "secrets:read",
  "secrets:write",
  "keys:admin",
  "audit:read",
] as const
export type Scope = (typeof SCOPES)[number]

export function isScope(word: string): word is Scope {
  return (SCOPES as readonly string[]).includes(word)
}
