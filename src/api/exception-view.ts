/** An exception as it is answered: what happened and what may be done about it, with S1's names beside ours. */
import { z } from "@hono/zod-openapi"
import { EXCEPTION_KINDS, isEndStatus, OUTCOMES, SEVERITIES } from "../contract/statuses.ts"
import { countAttempts } from "../store/queries/count-attempts.ts"
import { suggestedActions } from "../contract/suggested-actions.ts"
import type { ExceptionRow } from "../store/queries/exception-row.ts"
import { findException } from "../store/queries/find-exception.ts"
import { SHOWN_STATES } from "../store/queries/shown-state.ts"
import type { ApiServices } from "./dependencies.ts"
import { withPrivacy } from "./exception-privacy.ts"
import type { FlowVersion } from "./flow-versions.ts"
import { ApiProblem } from "./problem.ts"
import { toTaskId, toTaskName } from "./task-view.ts"

export const Exception = z
  .object({
    id: z.int(),
    instance_id: z.string(),
    flow_id: z.string(),
    flow_name: z.string(),
    group_id: z.string().openapi({ description: "The instance_id." }),
    group: z.string().openapi({
      description: "What failed in the same way has the same one (`GET /exceptions/groups`).",
      example: "8c1f0e62d7a94b35",
    }),
    task: z.string().nullable().openapi({ description: "The task's id; null for the transaction itself." }),
    task_id: z.string().nullable().openapi({ example: "order_001_pay" }),
    task_name: z.string().nullable(),
    operation: z.string(),
    generation: z.int(),
    kind: z.enum(EXCEPTION_KINDS),
    severity: z.enum(SEVERITIES),
    state: z.enum(SHOWN_STATES).openapi({
      description:
        "`open`, `reopened`, `resolved`, `auto_resolved`, `superseded` and `accepted` are what the transaction says of it. `acknowledged`, `assigned` and `snoozed` are what people said of one that is open, or open again; of these the strongest is shown, a snooze before an assignment before an acknowledgement. `action_pending`: a decision about it waits for a second person.",
    }),
    outcome: z.enum(OUTCOMES),
    occurrence: z.int().openapi({ description: "How often this record was opened." }),
    error_type: z.string().openapi({ description: "The kind." }),
    error_code: z.string().openapi({ example: "HTTP_503" }),
    error_message: z.string(),
    retry_safe: z.boolean(),
    retry_safe_until: z.iso
      .datetime()
      .nullable()
      .openapi({ description: "Then the target forgets the key, and a plain retry is safe no longer." }),
    retry_safe_reason: z.string(),
    suggested_actions: z.array(z.string()).openapi({
      description: "What would be accepted now; after the end of a failed transaction its retry.",
    }),
    retry_strategy: z.string().nullable(),
    retry_times: z.int().openapi({ description: "Attempts beyond the first." }),
    retry_max: z.int().nullable(),
    retry_interval: z.number().nullable().openapi({ description: "Seconds before the first retry." }),
    retry_next_at: z.iso
      .datetime()
      .nullable()
      .openapi({ description: "Null: what is open waits for a person." }),
    handled: z.boolean(),
    handled_by: z.string().nullable(),
    handled_at: z.iso.datetime().nullable(),
    handled_remark: z.string().nullable(),
    acknowledged_by: z.string().nullable(),
    acknowledged_at: z.iso.datetime().nullable(),
    owner: z.string().nullable(),
    team: z
      .string()
      .nullable()
      .openapi({ description: "Whom it was given to; before that the flow's `team`." }),
    escalation_level: z.int().openapi({
      description: "How many steps of its escalation were taken. It stays when it is opened again.",
    }),
    escalated_to: z.string().nullable().openapi({ description: "Who was told last." }),
    escalates_at: z.iso.datetime().nullable().openapi({
      description:
        "When the next step is taken. Null where there is none, and once its transaction has ended.",
    }),
    escalation_refused: z.string().nullable().openapi({
      description: "The action that a step could not carry out last, and why: a person would be refused too.",
      example: "abort: pivot_passed",
    }),
    sla_due_at: z.iso
      .datetime()
      .nullable()
      .openapi({ description: "By when it is to be resolved, by the flow's `sla`." }),
    snoozed_until: z.iso.datetime().nullable().openapi({ description: "Null once it is over." }),
    occurred_at: z.iso.datetime(),
    resolved_at: z.iso.datetime().nullable(),
    resolved_by: z.string().nullable().openapi({ description: "The decision that resolved it." }),
  })
  .openapi("Exception")
export type Exception = z.output<typeof Exception>

/** @throws {ApiProblem} `exception_not_found`. */
export async function getException(
  services: ApiServices,
  key: { tenant: string; id: number },
): Promise<ExceptionRow> {
  const row = await findException(services.pool, key)
  if (row === undefined) throw new ApiProblem("exception_not_found")
  return row
}

export async function viewException(
  services: ApiServices,
  { tenant, row }: { tenant: string; row: ExceptionRow },
): Promise<Exception> {
  const [view] = await viewExceptions(services, { tenant, rows: [row] })
  if (view === undefined) throw new Error("one row makes one view")
  return view
}

/** Reads what the rows do not hold, once per flow version and once for all attempts. */
export async function viewExceptions(
  services: ApiServices,
  { tenant, rows }: { tenant: string; rows: ExceptionRow[] },
): Promise<Exception[]> {
  const instanceIds = [...new Set(rows.map((row) => row.instance_id))]
  const counts = await countAttempts(services.pool, { tenant, instance_ids: instanceIds })
  const attempts = new Map(
    counts.map((count) => [JSON.stringify([count.instance_id, count.path]), count.attempts]),
  )
  return (await withPrivacy(services, { tenant, rows })).map(({ row, version, hide }) => {
    const count = attempts.get(JSON.stringify([row.instance_id, row.path])) ?? 0
    return toException({ ...row, message: hide(row.message) }, version, count)
  })
}

export function isOpen({ state }: Pick<ExceptionRow, "state">): boolean {
  return state === "open" || state === "reopened"
}

const FORGOTTEN = "The target may have forgotten the key: a repeat could do it again."

/**
 * What would be accepted now. The engine suggests when a task stops; its transaction may have ended since, or be
 * about to.
 */
export function toSuggestedActions(row: ExceptionRow, { plan }: Pick<FlowVersion, "plan">): string[] {
  const { transaction_status: status, task_status, failed_task } = row
  const canBeAsked = plan.tasks.some(({ id, probe }) => id === row.path && probe !== undefined)
  const suggested_actions = isForgotten(row)
    ? suggestedActions({ safe: false }, row.outcome, canBeAsked)
    : row.suggested_actions
  if (!isOpen(row)) return []
  const waits = task_status === "parked" || row.operation === "undo"
  if (!isEndStatus(status)) return waits ? suggested_actions : []
  return status === "failed" && failed_task !== null
    ? suggested_actions.filter((action) => action === "retry")
    : []
}

/** The target's memory of the key is over. */
function isForgotten({ retry_safe_until: until }: ExceptionRow): boolean {
  return until !== null && Date.parse(until) <= Date.now()
}

function toException(row: ExceptionRow, version: FlowVersion, attempts: number): Exception {
  const { path, occurred_us: _position, flow_version: _version, code, message, shown_state, ...rest } = row
  const { transaction_status: _status, task_status: _task, failed_task: _failed, ...facts } = rest
  const task = path === "" ? null : path
  const planned = version.plan.tasks.find(({ id }) => id === path)
  const retry = planned?.retry
  return {
    ...facts,
    ...(isForgotten(row) ? { retry_safe: false, retry_safe_reason: FORGOTTEN } : {}),
    state: shown_state,
    suggested_actions: toSuggestedActions(row, version),
    group_id: row.instance_id,
    task,
    task_id: task === null ? null : toTaskId(row.instance_id, task),
    task_name: task === null ? null : toTaskName(version, task),
    error_type: row.kind,
    error_code: code,
    error_message: message,
    retry_strategy: retry?.strategy ?? null,
    retry_times: Math.max(0, attempts - 1),
    retry_max: retry === undefined ? null : retry.max_attempts - 1,
    retry_interval: retry === undefined ? null : retry.interval_ms / 1000,
    retry_next_at: null,
  }
}
