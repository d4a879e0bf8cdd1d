/**
 * Times that Temporal gives a workflow only roughly. A call that answers says when it ended; a call that timed
 * out or was lost, and a signal, have only the time of the workflow task that took them. When that task gave
 * no command, the SDK takes its events with a later task, so a worker that replays the run may date them later
 * than the worker that saw them first. Such times are compared for being there, not for their value.
 */
import type { ExceptionRow, TaskRow, TransactionRow } from "../../contract/rows.ts"

const TIMES = new Set(["ended_at", "occurred_at", "resolved_at", "sla_due_at"])
/** Codes of ends that come from Temporal and not from a connector (`engine/outcome.ts`). */
const TEMPORAL_CODES = new Set([
  "timeout_schedule_to_start",
  "timeout_start_to_close",
  "timeout_schedule_to_close",
  "timeout_heartbeat",
  "cancelled",
  "worker_lost",
])

/** Whether `field` of `row` has a loose time; `exceptions` are those of the row's transaction. */
export function isLooseTime(
  row: TransactionRow | TaskRow | ExceptionRow,
  field: string,
  exceptions: readonly ExceptionRow[],
): boolean {
  if (!TIMES.has(field)) return false
  if ("occurrence" in row) return isLooseException(row)
  if (!("path" in row)) return false
  if (row.status === "pruned" || isTemporalCode(row.error?.code)) return true
  return exceptions.some((exception) => exception.task === row.path && isLooseException(exception))
}

function isLooseException({ code, resolved_by }: ExceptionRow): boolean {
  return isTemporalCode(code) || (resolved_by?.startsWith("signal:") ?? false)
}

function isTemporalCode(code: string | undefined): boolean {
  return code !== undefined && TEMPORAL_CODES.has(code)
}
