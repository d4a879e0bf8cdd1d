/** What every call says of itself: key, trace and identity, as HTTP headers and as gRPC metadata. */
import { createHash, randomBytes } from "node:crypto"
import { IDENTITY_HEADERS, KEY_HEADER } from "../contract/names.ts"
import type { CallRequest } from "./call.ts"

/**
 * Names in lower case, values in printable ASCII; other characters of an instance id or a path are
 * percent-encoded.
 */
export function identityHeaders({
  identity,
  fingerprint,
}: Pick<CallRequest, "identity" | "fingerprint">): Record<string, string> {
  return {
    traceparent: createTraceparent(identity),
    [IDENTITY_HEADERS.tenant]: toHeaderText(identity.tenant),
    [IDENTITY_HEADERS.transaction]: toHeaderText(identity.transaction),
    [IDENTITY_HEADERS.task]: toHeaderText(identity.task),
    [IDENTITY_HEADERS.operation]: identity.operation,
    [IDENTITY_HEADERS.generation]: String(identity.generation),
    [IDENTITY_HEADERS.fingerprint]: fingerprint,
  }
}

/**
 * The call's key, bare: only the profile `ietf-idempotency` wants it quoted. A probe has none: a target that keeps its
 * replies by key would answer every question as it answered the first.
 */
export function keyHeaders(
  { identity, key }: Pick<CallRequest, "identity" | "key">,
  profile?: string,
): Record<string, string> {
  if (identity.operation === "probe") return {}
  return { [KEY_HEADER]: profile === "ietf-idempotency" ? `"${key}"` : key }
}

/** W3C trace context: one trace for a transaction, a new span for each attempt. */
export function createTraceparent({
  tenant,
  transaction,
}: Pick<CallRequest["identity"], "tenant" | "transaction">): string {
  const trace = createHash("sha256").update(`${tenant}|${transaction}`).digest("hex").slice(0, 32)
  return `00-${trace}-${randomBytes(8).toString("hex")}-01`
}

/** Printable ASCII; everything else percent-encoded. */
export function toHeaderText(text: string): string {
  return text.replace(/[^\x20-\x24\x26-\x7e]+|^ +| +$/gu, (part) =>
    [...Buffer.from(part)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(""),
  )
}
