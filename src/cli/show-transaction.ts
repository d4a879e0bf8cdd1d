import type { Task, Transaction } from "../sdk/shapes.ts"
import { formatTable } from "./table.ts"

/** For a terminal: one line about the transaction, a table of its tasks, what it gave or why it stopped. */
export function showTransaction(transaction: Transaction): string {
  const { instance_id, flow_name, flow_version, status } = transaction
  const lines = [
    `${instance_id}  ${flow_name} v${flow_version}  ${status}  ${showTime(transaction.created_at, transaction.completed_at)}`.trimEnd(),
    formatTable(["TASK", "STATUS", "OUTCOME", "RETRIES", "TIME", "WHY"], transaction.tasks.map(showTask)),
  ]
  if (transaction.open_exceptions > 0)
    lines.push(
      `${transaction.open_exceptions} open: a person must decide, see /api/v1/exceptions?instance_id=${encodeURIComponent(instance_id)}`,
    )
  if (transaction.ignored_messages > 0)
    lines.push(`${transaction.ignored_messages} ignored: signals that could not decide anything as they came`)
  if (transaction.error !== null) lines.push(`error: ${transaction.error.code} ${transaction.error.message}`)
  if (transaction.output !== null) lines.push(`output: ${JSON.stringify(transaction.output)}`)
  return lines.join("\n")
}

function showTask(task: Task): string[] {
  const why = task.error_code === null ? "" : `${task.error_code} ${task.error_message ?? ""}`.trim()
  return [
    task.task_id,
    task.status,
    task.outcome,
    String(task.retry_count),
    showTime(task.started_at, task.completed_at),
    why.length > 60 ? `${why.slice(0, 59)}…` : why,
  ]
}

function showTime(from: string | null, to: string | null): string {
  if (from === null || to === null) return ""
  const ms = Date.parse(to) - Date.parse(from)
  return ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`
}
