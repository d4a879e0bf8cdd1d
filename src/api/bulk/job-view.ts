/** A bulk job as it is answered. */
import { z } from "@hono/zod-openapi"
import { BULK_ACTIONS, BULK_ITEM_STATES, BULK_STATES, type BulkKey } from "../../contract/bulk.ts"
import { EFFECTS } from "../../contract/statuses.ts"
import type { BulkItemRow } from "../../store/queries/bulk-item-row.ts"
import type { BulkJobRow } from "../../store/queries/bulk-job-row.ts"
import { countBulkEffects } from "../../store/queries/count-bulk-effects.ts"
import { findBulkJob } from "../../store/queries/find-bulk-job.ts"
import type { ApiServices } from "../dependencies.ts"
import { ApiProblem } from "../problem.ts"

export const BulkJobSummary = z
  .object({
    job_id: z.string(),
    action: z.enum(BULK_ACTIONS),
    reason: z.string(),
    filter: z.record(z.string(), z.unknown()),
    actor: z.string(),
    state: z.enum(BULK_STATES).openapi({
      description:
        "`preview`: frozen, and not started. `stopped`: too much failed, or results did not come; it waits for a person.",
    }),
    state_reason: z.string().nullable(),
    velocity: z.number().openapi({ description: "Decisions in a second." }),
    canary: z.int(),
    stop_above: z.number(),
    settle_within: z.number().openapi({ description: "Seconds." }),
    counts: z
      .object({
        total: z.int(),
        pending: z.int(),
        sent: z.int(),
        succeeded: z.int(),
        failed: z.int(),
        refused: z.int(),
      })
      .openapi({
        description: "`sent`: decided, and what came of it is not known yet. `refused`: nothing was changed.",
      }),
    created_at: z.iso.datetime(),
    started_at: z.iso.datetime().nullable(),
    ended_at: z.iso.datetime().nullable(),
  })
  .openapi("BulkJobSummary")

export const BulkJob = BulkJobSummary.extend({
  effects: z
    .array(
      z.object({
        effect: z.enum(EFFECTS).nullable(),
        state: z.enum(BULK_ITEM_STATES),
        code: z.string().nullable(),
        count: z.int(),
      }),
    )
    .openapi({
      description:
        "How many of each kind: what the target promises of a repeated call (null: about a whole transaction), and where it stands.",
    }),
}).openapi("BulkJob")

export const BulkItem = z
  .object({
    seq: z.int(),
    instance_id: z.string(),
    exception_id: z.int().nullable(),
    task: z.string().nullable().openapi({ description: "Null for the transaction itself." }),
    operation: z.string(),
    effect: z.enum(EFFECTS).nullable(),
    state: z.enum(BULK_ITEM_STATES),
    round: z.int().openapi({ description: "Grows when it is tried again." }),
    decision_id: z.string().nullable(),
    code: z.string().nullable(),
    detail: z.string().nullable().openapi({ description: "Why it was refused, or failed." }),
    sent_at: z.iso.datetime().nullable(),
    settled_at: z.iso.datetime().nullable(),
  })
  .openapi("BulkItem")

/** @throws {ApiProblem} `bulk_job_not_found`. */
export async function getBulkJob(services: ApiServices, key: BulkKey): Promise<BulkJobRow> {
  const row = await findBulkJob(services.pool, key)
  if (row === undefined) throw new ApiProblem("bulk_job_not_found")
  return row
}

export function toBulkJobSummary(row: BulkJobRow): z.output<typeof BulkJobSummary> {
  const { pending, sent, succeeded, failed, refused } = row
  return {
    job_id: row.job_id,
    action: row.action,
    reason: row.reason,
    filter: row.filter,
    actor: row.actor,
    state: row.state,
    state_reason: row.state_reason,
    velocity: row.velocity,
    canary: row.canary,
    stop_above: row.stop_above,
    settle_within: row.settle_ms / 1_000,
    counts: {
      total: pending + sent + succeeded + failed + refused,
      pending,
      sent,
      succeeded,
      failed,
      refused,
    },
    created_at: row.created_at,
    started_at: row.started_at,
    ended_at: row.ended_at,
  }
}

/** @throws {ApiProblem} `bulk_job_not_found`. */
export async function viewBulkJob(services: ApiServices, key: BulkKey): Promise<z.output<typeof BulkJob>> {
  const row = await getBulkJob(services, key)
  return { ...toBulkJobSummary(row), effects: await countBulkEffects(services.pool, key) }
}

export function toBulkItem({ path, ...row }: BulkItemRow): z.output<typeof BulkItem> {
  const { version: _version, ...facts } = row
  return { ...facts, task: path === "" ? null : path }
}
