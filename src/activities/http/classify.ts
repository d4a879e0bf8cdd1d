/**
 * What an HTTP status says of a call. Normative table: transactions reference, 6.2. Only codes are read, and of
 * an `application/problem+json` body its registered type and title; never other text.
 */
import type { Profile } from "../../contract/connections.ts"
import type { Outcome } from "../../contract/statuses.ts"
import type { Failed } from "../call.ts"

export interface StatusSignal {
  status: number
  profile: Profile
  /** Counts from 1. */
  attempt: number
  /** What was known before this attempt. */
  before: Outcome
  /** Statuses (`204`) or classes of them (`"2xx"`) that are a success. */
  success: readonly (number | string)[]
  /** Those that the author reads as a refusal. Goes before `success`. */
  reject: readonly (number | string)[]
  /** Of a problem+json body. */
  problem?: { type?: unknown; title?: unknown } | undefined
}

export type StatusFinding = { class: "done" } | (Pick<Failed, "class" | "left"> & { code: string })

export function classifyStatus(signal: StatusSignal): StatusFinding {
  const { status } = signal
  const code = `HTTP_${status}`
  // The call that had the key first was carried out: no author's list makes that a refusal.
  if (status === 422 && isKeyReused(signal))
    return { class: "misconfigured", code: "key_reused", left: "unknown" }
  if (matches(status, signal.reject)) return { class: "refused", code }
  if (matches(status, signal.success)) return { class: "done" }
  if (status === 409) return { class: readConflict(signal), code }
  if (status === 425 && signal.profile === "dtm") return { class: "ongoing", code }
  // A redirected write may have been executed before it was redirected.
  if (REDIRECT.has(status)) return { class: "misconfigured", code, left: "unknown" }
  if (MISTAKE.has(status)) return { class: "misconfigured", code }
  if (REFUSAL.has(status)) return { class: "refused", code }
  return { class: NOT_EXECUTED.has(status) ? "not_executed" : "unknown", code }
}

const REDIRECT = new Set([301, 302, 307, 308])
/** A wrong path or a missing credential must not be taken for a business answer. */
const MISTAKE = new Set([400, 401, 403, 404, 405, 406, 407, 410, 411, 413, 414, 415, 431, 451, 501, 505, 511])
const REFUSAL = new Set([402, 412, 422, 428])
const NOT_EXECUTED = new Set([421, 423, 424, 425, 429])

/**
 * 409 is "still running" for the IETF draft, "roll back" for DTM. Elsewhere the first attempt's conflict is the
 * target's word; a later one may be the conflict with our own earlier attempt.
 */
function readConflict({ profile, attempt, before }: StatusSignal): "ongoing" | "refused" | "unknown" {
  if (profile === "ietf-idempotency") return "ongoing"
  if (profile === "dtm") return "refused"
  return attempt === 1 && before !== "unknown" ? "refused" : "unknown"
}

/** draft-ietf-httpapi-idempotency-key-header, "Error Handling": 422 when a key came with another payload. */
function isKeyReused({ problem }: StatusSignal): boolean {
  if (!problem) return false
  const { type, title } = problem
  return (
    (typeof title === "string" && title.toLowerCase() === "idempotency-key is already used") ||
    (typeof type === "string" && /[/#:]idempotency(?:-key)?(?:-already-used|-reused)?$/i.test(type))
  )
}

function matches(status: number, list: readonly (number | string)[]): boolean {
  return list.some((one) => one === status || one === `${Math.floor(status / 100)}xx`)
}
