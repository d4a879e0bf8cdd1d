/** Headers of a request, from a connection and a flow: checked, so that no value can start another header (C39). */
import type { SecretReference } from "../contract/connections.ts"
import { Misconfigured } from "./call.ts"
import type { SecretStore } from "./secrets.ts"

const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/
/** Tab and printable characters of one byte (RFC 9110 §5.5). */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
/** They frame the message or belong to the hop; the client sets them. */
const FRAMING = new Set(
  "connection content-length expect host http2-settings keep-alive te trailer transfer-encoding upgrade".split(
    " ",
  ),
)

/** Later sources win. Names come out in lower case. Throws `Misconfigured`: `header_invalid`. */
export function mergeHeaders(
  secrets: SecretStore,
  ...sources: (Record<string, unknown> | undefined)[]
): Record<string, string> {
  const merged: Record<string, string> = {}
  for (const source of sources)
    for (const [name, value] of Object.entries(source ?? {})) {
      const field = name.toLowerCase()
      if (!TOKEN.test(name)) throw invalid(`${JSON.stringify(name)} is not a header name`)
      if (FRAMING.has(field)) throw invalid(`the header ${field} is set by the client`)
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
  if (!FIELD_VALUE.test(resolved))
    throw invalid(`the header ${field} holds a line break or a character that headers cannot carry`)
  return resolved
}

function isReference(value: unknown): value is SecretReference {
  return typeof value === "object" && value !== null && "secret" in value && typeof value.secret === "string"
}

function invalid(message: string): Misconfigured {
  return new Misconfigured("header_invalid", message)
}
