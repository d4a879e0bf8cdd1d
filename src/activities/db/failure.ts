/** A transaction that went wrong, as a verdict. Source: transactions reference, 6.5. */
import { toError } from "../../contract/errors.ts"
import { AttemptAborted, type Evidence, type Failed, Misconfigured } from "../call.ts"
import { classifyTransport } from "../outbound/transport-error.ts"
import type { BeginOptions, Database } from "./database.ts"
import type { Statement } from "./statement.ts"
import type { TransactionFailed } from "./transaction.ts"

interface FailureContext {
  database: Database
  access: BeginOptions["access"]
  evidence: Evidence
}

/** Not of a lost COMMIT: that is for the barrier to say. */
export function toFailedVerdict(
  failure: TransactionFailed,
  { database, access, evidence }: FailureContext,
): Failed {
  const error = toError(failure.cause)
  const { message } = error
  const finding = database.readError(error)
  if (failure.phase === "torn")
    return {
      class: "misconfigured",
      code: "table_not_transactional",
      left: "unknown",
      message: `${message}; a part of it stays, in a table whose engine cannot roll back: use tables of a transactional engine`,
      evidence,
    }
  if (finding?.writesInRead === true && access === "read only")
    return {
      class: "misconfigured",
      code: "sql_writes_in_read",
      message: `the task's effect is read, and its statement writes: ${message}`,
      evidence,
    }
  if (finding !== undefined) {
    const { class: outcome, code, left } = finding
    return { class: outcome, code, message, evidence, ...(left === undefined ? {} : { left }) }
  }
  if (error instanceof AttemptAborted) return { class: "not_executed", code: error.code, message, evidence }
  if (failure.phase === "connect" || error instanceof Misconfigured) {
    const transport = classifyTransport(error, false)
    const code = transport.code === "Error" ? "connection_failed" : transport.code
    return { class: transport.class, code, message, evidence }
  }
  return { class: "not_executed", code: "connection_lost", message, evidence }
}

/** Whether the whole transaction may be run again at once. */
export function isConflict(failure: TransactionFailed, database: Database, statement: Statement): boolean {
  if (failure.phase !== "work") return false
  const finding = database.readError(toError(failure.cause))
  // The row of an upsert in two steps was added by another transaction between them: now the first one meets it.
  const raced = finding?.duplicateKey === true && statement.otherwise !== undefined
  return raced || finding?.conflict === true
}
