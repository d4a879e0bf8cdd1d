/** What a bulk job is about, found once: from then on it is about these and no others. */
import type { BulkAction } from "../../contract/bulk.ts"
import type { PlanCall, PlanTask } from "../../contract/plan.ts"
import type { NewBulkItem } from "../../store/queries/insert-bulk-job.ts"
import type { ExceptionFilter } from "../../store/queries/exception-filter.ts"
import type { ExceptionRow } from "../../store/queries/exception-row.ts"
import { listExceptions } from "../../store/queries/list-exceptions.ts"
import { listTransactions, type TransactionFilter } from "../../store/queries/list-transactions.ts"
import type { Place, Slice } from "../../store/queries/slice.ts"
import type { TransactionRow } from "../../store/queries/transaction-row.ts"
import type { ApiServices } from "../dependencies.ts"
import { toSuggestedActions } from "../exception-view.ts"
import { ApiProblem } from "../problem.ts"

export const MAX_BULK_ITEMS = 10_000
const PAGE = 1_000

/** Retries and probes answer what is open; anything else is about whole transactions. */
export type BulkTargets =
  { of: "exceptions"; filter: ExceptionFilter } | { of: "transactions"; filter: TransactionFilter }

/**
 * Oldest first. What would be refused is among them, with the reason, and is never sent.
 * @throws {ApiProblem} `bulk_job_empty`, `bulk_job_too_large`.
 */
export async function freeze(
  services: ApiServices,
  { action, targets }: { action: BulkAction; targets: BulkTargets },
): Promise<NewBulkItem[]> {
  const items =
    targets.of === "exceptions"
      ? await freezeExceptions(services, action, targets.filter)
      : await freezeTransactions(services, action, targets.filter)
  if (items.length === 0) throw new ApiProblem("bulk_job_empty")
  return items.toReversed()
}

async function freezeExceptions(
  services: ApiServices,
  action: BulkAction,
  filter: ExceptionFilter,
): Promise<NewBulkItem[]> {
  const rows = await readAll(
    (slice) => listExceptions(services.pool, filter, slice),
    (row) => ({ at: row.occurred_us, id: String(row.id) }),
    // A call that is still tried is nobody's matter yet.
    ({ kind }) => kind !== "early_warning",
  )
  const { tenant } = filter
  return Promise.all(
    rows.map(async (row) => {
      const { flow_id, flow_version } = row
      const version = await services.flowVersions.get({ tenant, flow_id, version: flow_version })
      const task = version.plan.tasks.find(({ id }) => id === row.path)
      const call = row.operation === "undo" ? undoOf(task) : task
      return {
        instance_id: row.instance_id,
        exception_id: row.id,
        path: row.path,
        operation: row.operation,
        effect: call?.effect ?? null,
        version: null,
        ...(toSuggestedActions(row, version).includes(action) ? ALLOWED : refuse(row, action)),
      }
    }),
  )
}

function undoOf(task: PlanTask | undefined): PlanCall | undefined {
  return task?.compensate === "none" ? undefined : task?.compensate
}

const ALLOWED = { state: "pending", code: null, detail: null } as const

function refuse(row: ExceptionRow, action: BulkAction) {
  const detail =
    action === "retry" ? row.retry_safe_reason : "Nobody can be asked what became of it, or it is known."
  return { state: "refused", code: "not_suggested", detail } as const
}

async function freezeTransactions(
  services: ApiServices,
  action: BulkAction,
  filter: TransactionFilter,
): Promise<NewBulkItem[]> {
  const rows = await readAll(
    (slice) => listTransactions(services.pool, filter, slice),
    (row) => ({ at: row.created_us, id: row.instance_id }),
    () => true,
  )
  return rows.map((row) => ({
    instance_id: row.instance_id,
    exception_id: null,
    path: "",
    operation: "do",
    effect: null,
    version: row.version,
    ...(isWanting(row, action) ? ALLOWED : DONE),
  }))
}

const DONE = { state: "refused", code: "already_so", detail: "It is what it would become." } as const

function isWanting({ paused }: TransactionRow, action: BulkAction): boolean {
  if (action === "resume") return paused
  return action !== "pause" || !paused
}

/** @throws {ApiProblem} `bulk_job_too_large`. */
async function readAll<Row>(
  list: (slice: Slice) => Promise<Row[]>,
  placeOf: (row: Row) => Place,
  isMeant: (row: Row) => boolean,
): Promise<Row[]> {
  const found: Row[] = []
  let after: Place | null = null
  for (;;) {
    const page: Row[] = await list({ limit: PAGE, offset: 0, after })
    found.push(...page.filter(isMeant))
    if (found.length > MAX_BULK_ITEMS) throw new ApiProblem("bulk_job_too_large")
    const last = page.at(-1)
    if (page.length < PAGE || last === undefined) return found
    after = placeOf(last)
  }
}
