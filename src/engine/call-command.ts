/** A call as the shell makes it on Temporal: of a task, or of its compensation. */
import { type CallInput, MAX_KEPT_OUTPUT_BYTES } from "../contract/activities.ts"
import type { PlanCall } from "../contract/plan.ts"
import type { CallCommand } from "./commands.ts"
import { jsonSize } from "./size.ts"

/** Temporal refuses payloads above 2 MiB, and fails the workflow task with them. */
const MAX_CALL_BYTES = 1_500_000

/** An unsafe call gets a next attempt only after a proven `not_executed`: none of these proves it. */
const NEVER_REPEAT = [
  "TemporalTimeout:StartToClose",
  "TemporalTimeout:Heartbeat",
  "WorkerShutdown",
  "PayloadsTooLarge",
]
/** One whose target may say where it can be asked: the attempt after a lost one asks, or sends nothing and parks. */
const NEVER_ASK = ["PayloadsTooLarge"]

/** Why a call cannot be made as it is; undefined when it can. */
export function explainTooLarge(call: CallInput): string | undefined {
  if (jsonSize(call, MAX_CALL_BYTES) > MAX_CALL_BYTES)
    return `The call's config and input are larger than ${MAX_CALL_BYTES} bytes.`
  // What is in both is the same value twice: only one of the two is sent.
  for (const part of ["config", "input"]) {
    const kept = call.references?.filter(({ at }) => at[0] === part) ?? []
    const bytes = kept.reduce((sum, reference) => sum + reference.bytes, 0)
    if (bytes > MAX_KEPT_OUTPUT_BYTES)
      return `The call's ${part} takes large outputs of ${bytes} bytes together, and may take ${MAX_KEPT_OUTPUT_BYTES}: name the fields that are needed in the "output" of the tasks they come from.`
  }
  return undefined
}

export function toCommand(
  plan: PlanCall & { priority?: number },
  given: Pick<CallCommand, "token" | "activity_id" | "input"> & Partial<Pick<CallCommand, "backward">>,
): CallCommand {
  const { retry } = plan
  const never = plan.effect !== "unsafe" ? [] : plan.poll === undefined ? NEVER_REPEAT : NEVER_ASK
  return {
    kind: "call",
    ...given,
    activity_type: plan.type,
    ...(plan.summary === undefined ? {} : { summary: plan.summary }),
    retry: {
      max_attempts: retry.max_attempts,
      interval_ms: retry.interval_ms,
      backoff: retry.backoff,
      max_interval_ms: retry.max_interval_ms,
      non_retryable: [...retry.non_retryable, ...never],
    },
    timeout: boundTotal(plan.timeout, retry.max_elapsed_ms),
    ...(plan.priority === undefined ? {} : { priority: plan.priority }),
  }
}

/** `timeout.total` and `retry.max_elapsed` both bound the whole call: the smaller counts (design 2). */
function boundTotal(
  timeout: CallCommand["timeout"],
  maxElapsedMs: number | undefined,
): CallCommand["timeout"] {
  if (maxElapsedMs === undefined) return timeout
  return { ...timeout, total_ms: Math.min(timeout.total_ms ?? maxElapsedMs, maxElapsedMs) }
}
