/** Exceptions, their groups and their comments as a terminal shows them. */
import type { Exception, ExceptionComment, ExceptionGroup } from "../sdk/shapes.ts"
import { formatTable } from "./table.ts"

export function showExceptions(list: Exception[]): string {
  const rows = list.map((one) => [
    String(one.id),
    one.instance_id,
    one.task ?? "",
    one.error_code,
    one.outcome,
    one.retry_safe ? "yes" : "no",
    one.state,
    [one.owner, one.team].filter((name) => name !== null).join(", "),
    one.escalation_level === 0 ? "" : [one.escalation_level, one.escalated_to ?? ""].join(" ").trim(),
    one.sla_due_at ?? "",
    one.error_message,
  ])
  return formatTable(
    ["ID", "TRANSACTION", "TASK", "CODE", "OUTCOME", "RETRY SAFE", "STATE", "OWNER", "LEVEL", "DUE", "WHY"],
    rows,
  )
}

export function showExceptionGroups(list: ExceptionGroup[]): string {
  const rows = list.map((one) => [
    one.group,
    String(one.count),
    `${one.retry_safe_count} of ${one.count}`,
    one.flow_name,
    one.task ?? "",
    one.code,
    one.severity,
    one.newest_at,
    String(one.example_id),
    one.message,
  ])
  return formatTable(
    ["GROUP", "COUNT", "RETRY SAFE", "FLOW", "TASK", "CODE", "SEVERITY", "NEWEST", "EXAMPLE", "WHY"],
    rows,
  )
}

export function showComments(list: ExceptionComment[]): string {
  const rows = list.map(({ at, actor, text }) => [at, actor, text])
  return formatTable(["AT", "BY", "TEXT"], rows)
}
