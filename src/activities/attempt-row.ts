/** The row of the attempt log: what was asked, what came back, without secrets and within limits. */
import type { AttemptRow } from "../contract/rows.ts"
import type { Outcome } from "../contract/statuses.ts"
import type { Verdict } from "./call.ts"
import type { CallIdentity } from "./identity.ts"
import { cutDeeperThan } from "../contract/nesting.ts"
import type { SecretStore } from "./secrets.ts"

/** Largest kept part of one text in a request or response, in characters. */
export const MAX_KEPT_TEXT = 4 * 1024
/** Largest kept request, and response, in bytes of JSON. */
export const MAX_KEPT_BYTES = 16 * 1024
/** Deepest kept nesting of a request or response. */
const MAX_KEPT_DEPTH = 32
const MAX_MESSAGE = 1_000

export interface AttemptFacts {
  identity: CallIdentity
  verdict: Verdict
  outcome: Outcome
  startedAt: number
  endedAt: number
}

export function toAttemptRow(facts: AttemptFacts, secrets: SecretStore): AttemptRow {
  const { identity, verdict, outcome } = facts
  const { evidence } = verdict
  const message = verdict.class === "done" ? verdict.note : verdict.message
  return {
    tenant: identity.tenant,
    transaction_id: identity.transaction,
    task: identity.task,
    generation: identity.generation,
    operation: identity.operation,
    attempt: identity.attempt,
    class: verdict.class === "ongoing" ? "unknown" : verdict.class,
    outcome,
    code: verdict.class === "done" ? null : secrets.redactText(verdict.code),
    message: message === undefined ? null : cutText(secrets.redactText(message), MAX_MESSAGE),
    request: keep(evidence.request, secrets),
    response: keep(evidence.response, secrets),
    peer: evidence.peer ?? null,
    bytes_sent: evidence.bytesSent ?? null,
    bytes_received: evidence.bytesReceived ?? null,
    started_at: facts.startedAt,
    ended_at: facts.endedAt,
  }
}

export function cutText(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit)}… (${text.length} characters)`
}

/** Redacted before texts are cut, so that the cut cannot leave the head of a secret. */
function keep(value: unknown, secrets: SecretStore): unknown {
  if (value === undefined) return null
  const kept = cutTexts(secrets.redact(cutDeeperThan(value, MAX_KEPT_DEPTH)))
  const json = JSON.stringify(kept)
  const bytes = Buffer.byteLength(json)
  return bytes <= MAX_KEPT_BYTES ? kept : { cut: cutText(json, MAX_KEPT_TEXT), bytes }
}

function cutTexts(value: unknown): unknown {
  if (typeof value === "string") return cutText(value, MAX_KEPT_TEXT)
  if (Array.isArray(value)) return value.map(cutTexts)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, cutTexts(member)]))
}
