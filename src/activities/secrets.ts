/**
 * Secrets by name, and their removal from everything that is kept. A value counts as a secret from the moment
 * it was read; it is found by value in its plain, base64, URL-encoded and JSON-escaped spellings.
 */
import type { SecretReference } from "../contract/connections.ts"
import { Misconfigured } from "./call.ts"

export const REDACTED = "[redacted]"

/** A shorter value would turn up in ordinary words; it is kept out by the name of its header alone. */
const MIN_SECRET_LENGTH = 4
const SECRET_NAME =
  /authorization|cookie|passw|secret|token|credential|signature|api[-_]?key|access[-_]?key|private[-_]?key/i

export interface SecretStore {
  /** Throws `Misconfigured` (`secret_missing`) naming the secret, never its value. */
  read(name: string): string
  /** A header's or metadata entry's value as a connection states it. */
  resolve(value: string | SecretReference): string
  /** A copy without secret values and without members whose name says that they hold one. */
  redact(value: unknown): unknown
  redactText(text: string): string
}

export function createSecretStore(find: (name: string) => string | undefined): SecretStore {
  const known = new Set<string>()
  const spellings = new Map<string, string[]>()

  const read = (name: string): string => {
    const value = find(name)
    if (value === undefined)
      throw new Misconfigured("secret_missing", `there is no secret named "${name}" on this worker`)
    if (value.length >= MIN_SECRET_LENGTH && !known.has(value)) {
      known.add(value)
      spellings.set(value, spell(value))
    }
    return value
  }

  const redactText = (text: string): string => {
    let clean = text
    for (const forms of spellings.values()) for (const form of forms) clean = clean.replaceAll(form, REDACTED)
    return clean
  }

  const redact = (value: unknown): unknown => {
    if (typeof value === "string") return redactText(value)
    if (Array.isArray(value)) return value.map(redact)
    if (typeof value !== "object" || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [
        redactText(name),
        isSecretName(name) && isText(member) ? REDACTED : redact(member),
      ]),
    )
  }

  return {
    read,
    resolve: (value) => (typeof value === "string" ? value : read(value.secret)),
    redact,
    redactText,
  }
}

/** Of a header, a query parameter or a member: whether its value is kept out whatever it is. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name)
}

/** Headers that come more than once are lists. */
function isText(value: unknown): boolean {
  return typeof value === "string" || (Array.isArray(value) && value.every((one) => typeof one === "string"))
}

/** Longest first, so that a spelling that contains another is replaced whole. */
function spell(value: string): string[] {
  const bytes = Buffer.from(value)
  const forms = new Set([
    value,
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value),
    new URLSearchParams({ v: value }).toString().slice(2),
    bytes.toString("base64"),
    bytes.toString("base64").replace(/=+$/, ""),
    bytes.toString("base64url"),
  ])
  return [...forms].toSorted((a, b) => b.length - a.length)
}
