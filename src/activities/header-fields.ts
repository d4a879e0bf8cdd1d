/** Headers of a request, from a connection and a flow. */
import type { SecretReference } from "../contract/connections.ts"
import { explainHeaderName, explainHeaderValue } from "../contract/header-rules.ts"
import { Misconfigured } from "./call.ts"
import type { SecretStore } from "./secrets.ts"

/** Later sources win. Names come out in lower case. Throws `Misconfigured`: `header_invalid`. */
export function mergeHeaders(
  secrets: SecretStore,
  ...sources: (Record<string, unknown> | undefined)[]
): Record<string, string> {
  const merged: Record<string, string> = {}
  for (const source of sources)
    for (const [name, value] of Object.entries(source ?? {})) {
      const field = name.toLowerCase()
      const wrong = explainHeaderName(name)
      if (wrong !== undefined) throw invalid(wrong)
      merged[field] = toFieldValue(field, value, secrets)
    }
  return merged
}

function toFieldValue(field: string, value: unknown, secrets: SecretStore): string {
  const resolved = isReference(value) ? secrets.resolve(value) : value
  if (typeof resolved === "number" || typeof resolved === "boolean") return String(resolved)
  if (typeof resolved !== "string")
    throw invalid(
      `the header ${field} is ${resolved === null ? "null" : typeof resolved}: expected text, a number, true or false`,
    )
  const wrong = explainHeaderValue(field, resolved)
  if (wrong !== undefined) throw invalid(wrong)
  return resolved
}

function isReference(value: unknown): value is SecretReference {
  return typeof value === "object" && value !== null && "secret" in value && typeof value.secret === "string"
}

function invalid(message: string): Misconfigured {
  return new Misconfigured("header_invalid", message)
}
