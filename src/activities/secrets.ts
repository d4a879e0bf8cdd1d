/** Secrets by name, and their removal from everything that is kept (`mask.ts`). */
import { createHash } from "node:crypto"
import type { SecretReference } from "../contract/connections.ts"
import { createMask, type Mask } from "../masking/mask.ts"
import { Misconfigured } from "./call.ts"

export interface SecretStore {
  /** Throws `Misconfigured` (`secret_missing`) naming the secret, never its value. */
  read(name: string): string
  /** A header's or metadata entry's value as a connection states it. */
  resolve(value: string | SecretReference): string
  /** A copy without secret values and without members whose name says that they hold one. */
  redact(value: unknown): unknown
  redactText(text: string): string
  /** A reply as later tasks may see it: without secret values, whatever its members are named. */
  mask(value: unknown): unknown
  /** Changes when a secret does that the settings name. */
  stampOf: (settings: object) => string
}

/** @param find may throw `Misconfigured` for a secret that is there and cannot be read. */
export function createSecretStore(
  find: (name: string) => string | undefined,
  mask: Mask = createMask(),
): SecretStore {
  const read = (name: string): string => {
    const value = find(name)
    if (value === undefined)
      throw new Misconfigured(
        "secret_missing",
        `there is no secret named "${name}": store it with POST /api/v1/secrets, or add it to the secrets file`,
      )
    mask.learn(value)
    return value
  }

  return {
    read,
    resolve: (value) => (typeof value === "string" ? value : read(value.secret)),
    redact: mask.valuesAndNames,
    redactText: mask.text,
    mask: mask.values,
    stampOf(settings) {
      const hash = createHash("sha256")
      for (const name of secretNamesOf(settings)) hash.update(JSON.stringify([name, findQuietly(find, name)]))
      return hash.digest("base64")
    },
  }
}

/** Of `password_secret` and its like, and of `{"secret": name}` anywhere in the settings. */
export function secretNamesOf(settings: object): string[] {
  return Object.entries(settings).flatMap(([field, value]: [string, unknown]) => {
    if (typeof value === "object" && value !== null) return secretNamesOf(value)
    return typeof value === "string" && /(?:^|_)secret$/.test(field) ? [value] : []
  })
}

function findQuietly(find: (name: string) => string | undefined, name: string): string | null {
  try {
    return find(name) ?? null
  } catch {
    // Whoever reads the secret is told.
    return null
  }
}
