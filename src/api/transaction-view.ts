/** A transaction as it is answered: from the mirror, or with what its workflow says right now laid over it. */
import { z } from "@hono/zod-openapi"
import { QueryNotRegisteredError, WorkflowNotFoundError } from "@temporalio/client"
import { QUERY_ROWS } from "../contract/messages.ts"
import { unpackJson } from "../contract/packed-json.ts"
import type { Plan } from "../contract/plan.ts"
import type { TaskRow as EngineTaskRow, View } from "../contract/rows.ts"
import { TRANSACTION_STATUSES } from "../contract/statuses.ts"
import { createPrivacy, type Privacy } from "../masking/private-params.ts"
import { countAttempts } from "../store/queries/count-attempts.ts"
import { findTransaction, type WholeTransactionRow } from "../store/queries/find-transaction.ts"
import { listTasks, type TaskRow } from "../store/queries/list-tasks.ts"
import type { TransactionRow } from "../store/queries/transaction-row.ts"
import { AskedTooEarly, askRun } from "../store/temporal/ask-run.ts"
import { askTemporal, temporalUnavailable } from "./ask-temporal.ts"
import type { ApiServices } from "./dependencies.ts"
import { PendingApproval, toPendingApproval } from "./approval-view.ts"
import { ApiProblem } from "./problem.ts"
import { Task, toTask } from "./task-view.ts"

export const TransactionSummary = z
  .object({
    instance_id: z.string(),
    flow_id: z.string(),
    flow_name: z.string(),
    flow_version: z.int(),
    plan_hash: z.string(),
    workflow_id: z.string().openapi({ description: "What Temporal's own tools know it by." }),
    business_key: z.string().nullable(),
    redo_of: z.string().nullable().openapi({ description: "The transaction that this one does again." }),
    actor: z.string().openapi({ description: "Who started it." }),
    status: z.enum(TRANSACTION_STATUSES),
    version: z.int().openapi({ description: "What expected_version of a decision is compared with." }),
    overridden: z.boolean().openapi({ description: "A person attested or overrode something." }),
    paused: z.boolean().openapi({ description: "Nothing new starts until somebody resumes it." }),
    overdue: z.boolean().openapi({ description: "It ran into policy.timeout." }),
    pivot_passed: z.boolean().openapi({
      description: "Something that cannot be undone may have happened: from here on it goes forward only.",
    }),
    deadline_at: z.iso.datetime().nullable(),
    labels: z.record(z.string(), z.string()),
    open_exceptions: z.int(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    started_at: z.iso.datetime().nullable(),
    completed_at: z.iso.datetime().nullable(),
  })
  .openapi("TransactionSummary")

export const Transaction = TransactionSummary.extend({
  params: z.unknown(),
  output: z
    .unknown()
    .openapi({ description: "Large outputs of tasks in it are by reference, as in a task's." }),
  error: z
    .object({ code: z.string(), class: z.string(), message: z.string(), task: z.string().nullable() })
    .nullable(),
  pending_approvals: z
    .array(PendingApproval)
    .openapi({ description: "Decisions that wait for a second person, oldest first." }),
  ignored_messages: z.int().openapi({ description: "Signals that were recorded and changed nothing." }),
  tasks: z.array(Task),
}).openapi("Transaction")
export type Transaction = z.output<typeof Transaction>

export function toTransactionSummary(row: TransactionRow): z.output<typeof TransactionSummary> {
  return {
    instance_id: row.instance_id,
    flow_id: row.flow_id,
    flow_name: row.flow_name,
    flow_version: row.flow_version,
    plan_hash: row.plan_hash,
    workflow_id: row.workflow_id,
    business_key: row.business_key,
    redo_of: row.redo_of,
    actor: row.actor,
    status: row.status,
    version: row.version,
    overridden: row.overridden,
    paused: row.paused,
    overdue: row.overdue,
    pivot_passed: row.pivot_passed,
    deadline_at: row.deadline_at,
    labels: row.labels,
    open_exceptions: row.open_exceptions,
    created_at: row.created_at,
    updated_at: row.updated_at,
    started_at: row.started_at,
    completed_at: row.ended_at,
  }
}

interface TransactionKey {
  tenant: string
  instance_id: string
}

/** @throws {ApiProblem} `transaction_not_found`. */
export async function getTransaction(
  services: ApiServices,
  key: TransactionKey,
): Promise<WholeTransactionRow> {
  const row = await findTransaction(services.pool, key)
  if (row === undefined) throw new ApiProblem("transaction_not_found")
  return row
}

/** @throws {ApiProblem} `transaction_not_found`, or `task_not_found` when its flow has no such task. */
export async function getTaskPrivacy(
  services: ApiServices,
  { path, ...key }: TransactionKey & { path: string },
): Promise<Privacy> {
  const { plan, params } = await getPlanned(services, key)
  if (!plan.tasks.some(({ id }) => id === path)) throw new ApiProblem("task_not_found")
  return createPrivacy(plan, params)
}

/** @throws {ApiProblem} `transaction_not_found`. */
export async function getTransactionPrivacy(services: ApiServices, key: TransactionKey): Promise<Privacy> {
  const { plan, params } = await getPlanned(services, key)
  return createPrivacy(plan, params)
}

async function getPlanned(
  services: ApiServices,
  { tenant, instance_id }: TransactionKey,
): Promise<{ plan: Plan; params: unknown }> {
  const row = await getTransaction(services, { tenant, instance_id })
  const { plan } = await services.flowVersions.get({
    tenant,
    flow_id: row.flow_id,
    version: row.flow_version,
  })
  return { plan, params: row.params }
}

/** @throws {ApiProblem} `transaction_not_found`; with `workflow` as source as `askWorkflow` too. */
export async function viewTransaction(
  services: ApiServices,
  { tenant, instance_id, source }: TransactionKey & { source: "mirror" | "workflow" },
): Promise<Transaction> {
  const row = await getTransaction(services, { tenant, instance_id })
  const version = await services.flowVersions.get({ tenant, flow_id: row.flow_id, version: row.flow_version })
  const mirrored = await listTasks(services.pool, { tenant, instance_id })
  const counts = await countAttempts(services.pool, { tenant, instance_ids: [instance_id] })
  const view = source === "workflow" ? await askWorkflow(services, row.workflow_id) : undefined
  const rows = new Map(mirrored.map((task) => [task.path, task]))
  for (const task of view?.tasks ?? []) rows.set(task.path, overlayTask(task, rows.get(task.path)))
  const attempts = new Map(counts.map((count) => [count.path, count.attempts]))
  const whole = overlayTransaction(row, view)
  const privacy = createPrivacy(version.plan, row.params)
  const toHidden = (task: Task): Task => ({
    ...task,
    input_data: privacy.hide(task.input_data),
    output_data: privacy.hide(task.output_data),
    error_message: privacy.hide(task.error_message),
  })
  return {
    ...toTransactionSummary(whole),
    params: privacy.params(row.params),
    output: privacy.hide(whole.output ?? null),
    error: privacy.hide(whole.error),
    pending_approvals: (whole.pending_approvals ?? []).map(toPendingApproval),
    ignored_messages: whole.ignored_messages,
    tasks: version.plan.tasks.map((task, index) =>
      toHidden(
        toTask({ instance_id, index, version, row: rows.get(task.id), attempts: attempts.get(task.id) ?? 0 }),
      ),
    ),
  }
}

/**
 * What the run itself says. `undefined` when Temporal does not have it: not started yet, or past its retention.
 *
 * @throws {ApiProblem} `temporal_unavailable`, `run_unreadable`.
 */
export async function askWorkflow({ client }: ApiServices, workflowId: string): Promise<View | undefined> {
  const handle = client.workflow.getHandle(workflowId)
  try {
    const packed = await askTemporal(client, () => askRun(() => handle.query<Uint8Array>(QUERY_ROWS)))
    // Our own workflow packed its view.
    return unpackJson(packed) as View
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined
    if (error instanceof AskedTooEarly) throw temporalUnavailable(error)
    if (error instanceof QueryNotRegisteredError) throw new ApiProblem("run_unreadable", { cause: error })
    throw error
  }
}

function overlayTransaction(row: WholeTransactionRow, view: View | undefined): WholeTransactionRow {
  if (view === undefined) return row
  const { started_at, ended_at, deadline_at, ...told } = view.transaction
  return {
    ...row,
    ...told,
    pivot_passed: told.pivot_passed === true,
    pending_approvals: told.pending_approvals ?? null,
    started_at: toTimestamp(started_at),
    ended_at: toTimestamp(ended_at),
    deadline_at: toTimestamp(deadline_at),
  }
}

/** The workflow leaves large payloads out of its view, and forgets outputs nobody will read: the mirror has them. */
function overlayTask(task: EngineTaskRow, mirrored: TaskRow | undefined): TaskRow {
  return {
    path: task.path,
    task_index: task.index,
    generation: task.generation,
    status: task.status,
    outcome: task.outcome,
    compensation: task.compensation,
    undo: task.undo ?? null,
    reason: task.reason,
    input: task.input ?? mirrored?.input,
    output: task.output_dropped ? mirrored?.output : task.output,
    output_sha256: (task.output_dropped ? mirrored?.output_sha256 : task.output_sha256) ?? null,
    error: task.error,
    started_at: toTimestamp(task.started_at),
    ended_at: toTimestamp(task.ended_at),
  }
}

function toTimestamp(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString()
}
