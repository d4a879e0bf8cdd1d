/** The activities of bulk jobs: decisions as a person would take them, one by one, under ids of their own. */
import { heartbeat } from "@temporalio/activity"
import type { BulkActivities, BulkKey } from "../../contract/bulk.ts"
import { toError } from "../../contract/errors.ts"
import type { Decision } from "../../contract/messages.ts"
import type { BulkItemRow } from "../../store/queries/bulk-item-row.ts"
import type { BulkJobRow } from "../../store/queries/bulk-job-row.ts"
import { findBulkJob } from "../../store/queries/find-bulk-job.ts"
import { listBulkItems } from "../../store/queries/list-bulk-items.ts"
import { readBulkProgress } from "../../store/queries/read-bulk-progress.ts"
import { type BulkItemChange, saveBulkItem } from "../../store/queries/save-bulk-item.ts"
import { saveBulkState } from "../../store/queries/save-bulk-state.ts"
import { settleBulkItems } from "../../store/queries/settle-bulk-items.ts"
import { decide } from "../decide.ts"
import type { ApiServices } from "../dependencies.ts"
import { ApiProblem } from "../problem.ts"
import { retryException } from "../retry-exception.ts"

const AT_ONCE = 10

export function createBulkActivities(services: ApiServices): BulkActivities {
  const { pool, logger } = services
  return {
    async advanceBulkJob({ limit, ...key }) {
      await settleBulkItems(pool, key)
      if (limit > 0) {
        const job = await findBulkJob(pool, key)
        if (job === undefined) throw new Error(`bulk job ${key.job_id} of tenant ${key.tenant} is not stored`)
        await carryOutAll(services, { ...key, job, limit })
      }
      return readBulkProgress(pool, key)
    },
    async saveBulkState(request) {
      await saveBulkState(pool, request)
      const { tenant, job_id, state, state_reason } = request
      logger.info({ tenant, bulk_job: job_id, state, reason: state_reason }, "a bulk job changed its state")
    },
  }
}

interface Some extends BulkKey {
  job: BulkJobRow
  limit: number
}

/** Several at a time, until there are no more, or Temporal or Postgres is away. */
async function carryOutAll(services: ApiServices, { limit, job, ...key }: Some): Promise<void> {
  const items = await listBulkItems(services.pool, { ...key, state: "pending", after_seq: 0, limit })
  const left = items.values()
  let isAway = false
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const item of left) {
        if (isAway) return
        if ((await carryOut(services, { ...key, job, item })) === "away") isAway = true
        heartbeat()
      }
    }),
  )
}

interface One extends BulkKey {
  job: BulkJobRow
  item: BulkItemRow
}

/** What could not be asked stays pending, and has the same id the next time. */
async function carryOut(services: ApiServices, one: One): Promise<"told" | "away"> {
  const { tenant, job_id, item } = one
  const change = await send(services, one)
  if (change === undefined) return "away"
  await saveBulkItem(services.pool, { tenant, job_id, seq: item.seq, ...change })
  return "told"
}

async function send(
  services: ApiServices,
  { tenant, job_id, job, item }: One,
): Promise<Omit<BulkItemChange, "seq"> | undefined> {
  const { instance_id, exception_id } = item
  const decision: Decision = {
    id: `bulk:${job_id}:${item.seq}:${item.round}`,
    action: job.action,
    actor: job.actor,
    roles: job.roles,
    reason: job.reason,
    ...(item.version === null ? {} : { expected_version: item.version }),
    ...(item.path === "" ? {} : { task: item.path }),
  }
  try {
    if (job.action === "retry" && exception_id !== null)
      await retryException(services, { tenant, id: exception_id, decision })
    else await decide(services, { tenant, instance_id, decision })
    return { decision_id: decision.id, state: "sent", code: null, detail: null }
  } catch (thrown) {
    if (!(thrown instanceof ApiProblem)) throw thrown
    if (thrown.status >= 500) {
      services.logger.warn(
        { tenant, bulk_job: job_id, instance_id, error: toError(thrown.cause ?? thrown).message },
        "a decision of a bulk job could not be carried out, it is tried again",
      )
      return undefined
    }
    return { decision_id: null, state: "refused", code: thrown.word, detail: thrown.message }
  }
}
