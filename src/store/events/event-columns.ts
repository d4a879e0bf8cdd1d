/**
 * What the events of each table say, as columns `tenant_id, instance_id, type, data` for `returning`: facts of a
 * known size. Payloads, messages and whatever a person wrote are read where they are kept.
 */

export function transactionEvent(row: string): string {
  return `${columns(row, "'transaction.updated'")}
    json_build_object(
      'status', ${row}.status, 'version', ${row}.version, 'paused', ${row}.paused, 'overdue', ${row}.overdue,
      'open_exceptions', ${row}.open_exceptions
    ) as data`
}

/** The end is final: Temporal closed the run. */
export function endEvent(row: string): string {
  return `${columns(row, "'transaction.ended'")} json_build_object('status', ${row}.status) as data`
}

export function taskEvent(row: string): string {
  return `${columns(row, "'task.updated'")}
    json_build_object(
      'task_id', ${row}.path, 'status', ${row}.status, 'outcome', ${row}.outcome,
      'compensation', ${row}.compensation, 'generation', ${row}.generation
    ) as data`
}

/** A reset took the row away. */
export function taskPendingEvent(row: string): string {
  return `${columns(row, "'task.updated'")}
    json_build_object(
      'task_id', ${row}.path, 'status', 'pending', 'outcome', 'not_started',
      'compensation', 'none', 'generation', ${row}.generation
    ) as data`
}

export function exceptionEvent(row: string): string {
  const type = `'exception.' || case ${row}.state when 'open' then 'opened' else ${row}.state end`
  return `${columns(row, type)} ${exceptionData(row)}`
}

/** A person took note of it. `word` is an SQL expression, such as `'handled'`. */
export function noteEvent(row: string, word: string): string {
  return `${columns(row, `'exception.' || ${word}`)} ${exceptionData(row)}`
}

export function decisionEvent(row: string): string {
  return `${columns(row, "'decision.recorded'")}
    json_build_object(
      'decision_id', ${row}.decision_id, 'action', ${row}.action, 'task_id', ${row}.path
    ) as data`
}

function columns(row: string, type: string): string {
  return `${row}.tenant_id, ${row}.instance_id, ${type} as type,`
}

function exceptionData(row: string): string {
  return `json_build_object(
      'exception_id', ${row}.id, 'task_id', nullif(${row}.path, ''), 'kind', ${row}.kind,
      'severity', ${row}.severity, 'state', ${row}.state, 'occurrence', ${row}.occurrence,
      'handled', ${row}.handled, 'escalation_level', ${row}.escalation_level, 'escalated_to', ${row}.escalated_to
    ) as data`
}
