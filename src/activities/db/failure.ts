/** A transaction that went wrong, as a verdict. Source: transactions reference, 6.5. */
import { toError } from "../../contract/errors.ts"
import { AttemptAborted, type Evidence, type Failed, Misconfigured } from "../call.ts"
import { classifyTransport } from "../outbound/transport-error.ts"
import { classifySqlState, sqlStateOf } from "./classify.ts"
import type { TransactionFailed, TransactionOptions } from "./transaction.ts"

/** Not of a lost COMMIT: that is for the barrier to say. */
export function toFailedVerdict(
  failure: TransactionFailed,
  { access, evidence }: Pick<TransactionOptions, "access"> & { evidence: Evidence },
): Failed {
  const error = toError(failure.cause)
  const { message } = error
  const state = sqlStateOf(error)
  if (state === "25006" && access === "read only")
    return {
      class: "misconfigured",
      code: "sql_writes_in_read",
      message: `the task's effect is read, and its statement writes: ${message}`,
      evidence,
    }
  if (state !== undefined) {
    const { class: outcome, left } = classifySqlState(state, severityOf(error))
    return {
      class: outcome,
      code: `SQLSTATE_${state}`,
      message,
      evidence,
      ...(left === undefined ? {} : { left }),
    }
  }
  if (error instanceof AttemptAborted) return { class: "not_executed", code: error.code, message, evidence }
  if (failure.phase === "connect" || error instanceof Misconfigured) {
    const finding = classifyTransport(error, false)
    return {
      ...finding,
      code: finding.code === "Error" ? "connection_failed" : finding.code,
      message,
      evidence,
    }
  }
  return { class: "not_executed", code: "connection_lost", message, evidence }
}

function severityOf(error: Error): string | undefined {
  return "severity" in error && typeof error.severity === "string" ? error.severity : undefined
}

/** Whether the whole transaction may be run again at once. */
export function isConflict(failure: TransactionFailed): boolean {
  const state = sqlStateOf(toError(failure.cause))
  return failure.phase === "work" && state !== undefined && classifySqlState(state).conflict === true
}
