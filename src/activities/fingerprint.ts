/** What tells two requests under one key apart (design 4.2). */
import { createHash } from "node:crypto"

/** sha256, in hex, of what is asked for. Object keys are sorted, so that their order does not matter. */
export function fingerprintOf(request: { kind: string; config: unknown; input: unknown }): string {
  return createHash("sha256").update(canonicalJson(request)).digest("hex")
}

/** Only what JSON keeps: members that are `undefined` count as absent. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(",")}]`
  if (typeof value !== "object" || value === null) return JSON.stringify(value ?? null)
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`)
  return `{${members.join(",")}}`
}
