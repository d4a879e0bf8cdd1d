/** The activities of bulk jobs: decisions as a person would take them, one by one, under ids of their own. */
import { cancellationSignal, heartbeat } from "@temporalio/activity"
import type { BulkActivities, BulkKey, BulkLimit } from "../../contract/bulk.ts"
import { toError } from "../../contract/errors.ts"
import type { Decision } from "../../contract/messages.ts"
import type { BulkItemRow } from "../../store/queries/bulk-item-row.ts"
import type { BulkJobRow } from "../../store/queries/bulk-job-row.ts"
import { countBulkTry } from "../../store/queries/count-bulk-try.ts"
import { findBulkJob } from "../../store/queries/find-bulk-job.ts"
import { listPendingBulkItems } from "../../store/queries/list-pending-bulk-items.ts"
import { readBulkProgress } from "../../store/queries/read-bulk-progress.ts"
import { type BulkItemChange, saveBulkItem } from "../../store/queries/save-bulk-item.ts"
import { saveBulkState } from "../../store/queries/save-bulk-state.ts"
import { settleBulkItems } from "../../store/queries/settle-bulk-items.ts"
import { decide } from "../decide.ts"
import type { ApiServices } from "../dependencies.ts"
import { toAsked } from "../four-eyes.ts"
import { ApiProblem } from "../problem.ts"
import { retryException } from "../retry-exception.ts"

const AT_ONCE = 10
/** Shorter than the workflow's `heartbeatTimeout`, whatever one decision takes. */
const BEAT_MS = 4_000

export function createBulkActivities(services: ApiServices): BulkActivities {
  const { pool, logger } = services
  return {
    async advanceBulkJob(request) {
      const { tenant, job_id, limit, version } = request
      const key = { tenant, job_id }
      const beat = setInterval(() => heartbeat(), BEAT_MS)
      try {
        await settleBulkItems(pool, key)
        const stuck = limit > 0 && (await carryOutSome(services, request)) === "stuck"
        const { asked, ...progress } = await readBulkProgress(pool, key)
        return { ...progress, stuck, ...(version === undefined ? {} : { asked }) }
      } finally {
        clearInterval(beat)
      }
    },
    async saveBulkState(request) {
      const stored = await saveBulkState(pool, request)
      const { tenant, job_id, state, state_reason, version } = request
      if (stored === state)
        logger.info({ tenant, bulk_job: job_id, state, reason: state_reason }, "a bulk job changed its state")
      else logger.warn({ tenant, bulk_job: job_id, state, stored }, "a bulk job is over already")
      return version === undefined ? undefined : stored
    },
  }
}

/** Several at a time, until there are no more, or the first that cannot be asked. */
async function carryOutSome(
  services: ApiServices,
  { tenant, job_id, limit, most_asked }: BulkKey & BulkLimit,
): Promise<"moved" | "stuck"> {
  const key = { tenant, job_id }
  const job = await findBulkJob(services.pool, key)
  if (job === undefined) throw new Error(`bulk job ${key.job_id} of tenant ${key.tenant} is not stored`)
  const items = await listPendingBulkItems(services.pool, { ...key, limit, most_asked: most_asked ?? null })
  const left = items.values()
  let told = 0
  let away = 0
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const item of left) {
        if (away > 0 || cancellationSignal().aborted) return
        if ((await carryOut(services, { ...key, job, item })) === "told") told++
        else away++
      }
    }),
  )
  return away > 0 && told === 0 ? "stuck" : "moved"
}

interface One extends BulkKey {
  job: BulkJobRow
  item: BulkItemRow
}

/** What could not be asked stays pending, and has the same id the next time. */
async function carryOut(services: ApiServices, one: One): Promise<"told" | "away"> {
  const { tenant, job_id, item } = one
  const key = { tenant, job_id, seq: item.seq }
  const change = await send(services, one)
  if (change === undefined) await countBulkTry(services.pool, key)
  else await saveBulkItem(services.pool, { ...key, ...change })
  return change === undefined ? "away" : "told"
}

/** @returns undefined for what could not be asked. */
async function send(services: ApiServices, one: One): Promise<Omit<BulkItemChange, "seq"> | undefined> {
  const { tenant, job_id, job, item } = one
  const { instance_id, exception_id } = item
  const decision = toDecision(one)
  try {
    const asked = await toAsked(services, { tenant, decision })
    if (asked.action === "propose") throw new ApiProblem("approval_needed")
    if (job.action === "retry" && exception_id !== null)
      await retryException(services, { tenant, id: exception_id, decision })
    else await decide(services, { tenant, instance_id, decision })
    return { decision_id: decision.id, state: "sent", code: null, detail: null }
  } catch (thrown) {
    if (thrown instanceof ApiProblem && thrown.status < 500)
      return { decision_id: null, state: "refused", code: thrown.word, detail: thrown.message }
    const { message } = toError((thrown instanceof ApiProblem ? thrown.cause : undefined) ?? thrown)
    services.logger.warn(
      { tenant, bulk_job: job_id, instance_id, error: message },
      "a decision of a bulk job could not be carried out, it is tried again",
    )
    return undefined
  }
}

function toDecision({ job_id, job, item }: One): Decision {
  return {
    // No `Idempotency-Key` has a space: nobody can take it in advance.
    id: `bulk ${job_id} ${item.seq} ${item.round}`,
    action: job.action,
    actor: job.actor,
    roles: job.roles,
    reason: job.reason,
    ...(item.version === null ? {} : { expected_version: item.version }),
    ...(item.path === "" ? {} : { task: item.path }),
  }
}
