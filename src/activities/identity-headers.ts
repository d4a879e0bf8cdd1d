/** What every call says of itself: key, trace and identity, as HTTP headers and as gRPC metadata. */
import { createHash, randomBytes } from "node:crypto"
import { KEY_HEADER } from "../contract/names.ts"
import type { CallRequest } from "./call.ts"

type Caller = Pick<CallRequest, "identity" | "key">

/**
 * Names in lower case, values in printable ASCII; other characters of an instance id or a path are
 * percent-encoded.
 */
export function identityHeaders({ identity }: Caller): Record<string, string> {
  return {
    traceparent: createTraceparent(identity),
    "x-holdfast-transaction": toHeaderText(identity.transaction),
    "x-holdfast-task": toHeaderText(identity.task),
    "x-holdfast-operation": identity.operation,
    "x-holdfast-generation": String(identity.generation),
  }
}

/**
 * The call's key, bare: only the profile `ietf-idempotency` wants it quoted. A probe has none: a target that keeps its
 * replies by key would answer every question as it answered the first.
 */
export function keyHeaders({ identity, key }: Caller, profile?: string): Record<string, string> {
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
