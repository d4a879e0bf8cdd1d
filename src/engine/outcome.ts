/**
 * What is known of the outside effect after a call ended, and what may follow (design 4.1).
 * Pure functions of the task's effect, the outcome before the call and what came back.
 */
import type { PlanCall, PlanTask } from "../contract/plan.ts"
import { assertNever } from "../contract/errors.ts"
import type { Effect, ExceptionKind, FailureClass, Outcome, Severity } from "../contract/statuses.ts"
import type { CallFailed } from "./events.ts"

export interface Judgement {
  class: FailureClass
  outcome: Outcome
  code: string
  message: string
}

/**
 * @param prior the outcome before this call was dispatched.
 * @param asks whether the next attempt of a call that is polled counts as one that may have sent it.
 */
export function judgeFailure(
  task: PlanCall,
  { prior, asks }: { prior: Outcome; asks: boolean },
  failure: CallFailed,
): Judgement {
  const { message } = failure
  if (failure.cause === "reported")
    return {
      // A connector's details are complete; a foreign worker's may not be, and then nothing is known.
      class: failure.class ?? "unknown",
      outcome: failure.outcome ?? "unknown",
      code: failure.code ?? "unknown_failure",
      message,
    }
  // Schedule-to-start applies to every attempt, so it proves something only where no attempt came before.
  // An unsafe call has a next attempt only after one that did not run, or to ask how far the target is.
  const sendsOnce = task.retry.max_attempts === 1 || (task.effect === "unsafe" && !(asks && task.poll))
  const neverSent = failure.cause === "schedule_to_start" && sendsOnce
  if (neverSent)
    return {
      class: "not_executed",
      outcome: prior === "unknown" ? "unknown" : "not_executed",
      code: codeOfCause(failure.cause),
      message,
    }
  return { class: "unknown", outcome: "unknown", code: codeOfCause(failure.cause), message }
}

function codeOfCause(cause: Exclude<CallFailed["cause"], "reported">): string {
  switch (cause) {
    case "schedule_to_start":
    case "start_to_close":
    case "schedule_to_close":
    case "heartbeat":
      return `timeout_${cause}`
    case "cancelled":
      return "cancelled"
    case "lost":
      return "worker_lost"
    default:
      return assertNever(cause)
  }
}

/**
 * Whether a failed task parks. A deploy mistake parks whatever the author chose, and so does an unknown
 * outcome of a call that must not be repeated: neither may end a transaction by itself.
 */
export function parks(task: PlanTask, judgement: Judgement): boolean {
  if (judgement.class === "misconfigured") return true
  if (judgement.outcome === "unknown" && task.effect === "unsafe") return true
  return task.on_error === "park"
}

const KIND_OF_CODE: Record<string, ExceptionKind> = {
  key_reused: "key_reused",
  rejected_after_compensation: "rejected_after_compensation",
  expression_error: "flow_error",
}

export function exceptionKindOf(judgement: Judgement): ExceptionKind {
  const ofCode = Object.hasOwn(KIND_OF_CODE, judgement.code) ? KIND_OF_CODE[judgement.code] : undefined
  if (ofCode) return ofCode
  if (judgement.class === "misconfigured") return "misconfigured"
  if (judgement.outcome === "unknown") return "unknown_outcome"
  return judgement.class === "refused" ? "rejected" : "retries_exhausted"
}

export function severityOf(kind: ExceptionKind, retrySafe: boolean): Severity {
  if (kind === "rejected") return "warn"
  if (kind === "key_reused" || kind === "rejected_after_compensation") return "critical"
  return kind === "unknown_outcome" && !retrySafe ? "critical" : "error"
}

export interface RetrySafety {
  safe: boolean
  /** A sentence for a person. */
  reason: string
}

/** The target's memory of a key: until when it lasts, and how long it is in all. */
export interface KeyMemory {
  until: number
  ms: number
}

/**
 * Whether a plain retry may be pressed without an attestation (design 4.6).
 * @param memory of a target that forgets keys.
 */
export function retrySafety(effect: Effect, outcome: Outcome, at: number, memory?: KeyMemory): RetrySafety {
  switch (outcome) {
    case "executed":
      return { safe: false, reason: "The effect has happened; a repeat would do it again." }
    case "unknown":
      return effect === "unsafe"
        ? {
            safe: false,
            reason: "It is not known whether the effect happened, and the target has no key to tell.",
          }
        : safetyOfKey(effect, at, memory)
    case "rejected":
      return { safe: true, reason: "The target refused the call and did nothing." }
    case "not_executed":
    case "not_started":
      return { safe: true, reason: "The call is known not to have run." }
    case "overridden":
    case "skipped":
      return { safe: false, reason: "A person has already decided this task." }
    default:
      return assertNever(outcome)
  }
}

function safetyOfKey(effect: Effect, at: number, memory: KeyMemory | undefined): RetrySafety {
  if (memory === undefined)
    return {
      safe: true,
      reason: `The effect is ${effect}: a repeat under the same key changes nothing more.`,
    }
  const span = describeSpan(memory.ms)
  const end = new Date(memory.until).toISOString()
  return at < memory.until
    ? {
        safe: true,
        reason: `The target remembers the key for ${span}, until ${end}: a repeat changes nothing more.`,
      }
    : {
        safe: false,
        reason: `The target remembers a key for ${span}, and this one only until ${end}: a repeat could do it again.`,
      }
}

/** In the largest unit that it fills, such as `24 h` or `2 s`. */
function describeSpan(ms: number): string {
  const [size, unit] = ms >= 3_600_000 ? [3_600_000, "h"] : ms >= 60_000 ? [60_000, "min"] : [1_000, "s"]
  return `${Math.round((ms / size) * 100) / 100} ${unit}`
}
