import type { Pool } from "pg"
import { confirmEnds } from "../../store/queries/confirm-ends.ts"
import { listByWorkflow } from "../../store/queries/list-by-workflow.ts"
import { toClosedRun } from "../../store/temporal/closed-run.ts"
import type { ListedRun } from "../../store/temporal/list-runs.ts"
import { type Adoption, createAdopter } from "./adopter.ts"
import { compareAll } from "./compare.ts"
import { createCooldown } from "./cooldown.ts"
import type { SweepContext, SweepPart, Summary } from "./parts.ts"
import { createVisibilityScan } from "./scan-visibility.ts"

/** Confirms the ends that the mirror has right, and compares the others. */
export function createScanClosed(context: SweepContext): SweepPart {
  const cooldown = createCooldown({ firstMs: 2_000, longestMs: 60_000 })
  const adopt = createAdopter(context)
  return createVisibilityScan(context, {
    name: "closed",
    attribute: "CloseTime",
    // Without this, running ones match as well.
    filter: 'ExecutionStatus != "Running"',
    timeOf: (run) => run.closeTime,
    async handle(runs, summary) {
      const confirmed = await confirm(context, runs)
      summary.confirmed += confirmed.size
      const rest = runs.filter((run) => !confirmed.has(run.runId))
      const { odd, failed } = await findOdd({ pool: context.pool, adopt }, rest, summary)
      const compared = await compareAll(context, odd, cooldown, summary)
      const isOpen = new Set([...odd.map(({ run }) => run), ...failed].map(({ runId }) => runId))
      for (const { run } of compared) isOpen.delete(run.runId)
      return runs.filter((run) => !isOpen.has(run.runId))
    },
  })
}

function confirm({ pool }: SweepContext, runs: ListedRun[]): Promise<Set<string>> {
  return confirmEnds(
    pool,
    runs.flatMap((run) => toClosedRun(run) ?? []),
  )
}

interface OddRun {
  tenant: string
  transaction_id: string
  run: ListedRun
}

/**
 * Runs whose end the mirror does not show as final; not those that were continued, nor those of others. And those
 * whose row could not be made.
 */
async function findOdd(
  { pool, adopt }: { pool: Pool; adopt: (run: ListedRun) => Promise<Adoption> },
  runs: ListedRun[],
  summary: Summary,
): Promise<{ odd: OddRun[]; failed: ListedRun[] }> {
  const odd: OddRun[] = []
  const failed: ListedRun[] = []
  const ended = runs.filter(({ status }) => status.name !== "CONTINUED_AS_NEW")
  if (ended.length === 0) return { odd, failed }
  const known = await listByWorkflow(
    pool,
    ended.map(({ workflowId }) => workflowId),
  )
  for (const run of ended) {
    const row = known.get(run.workflowId)
    if (row?.is_confirmed && row.run_id === run.runId) continue
    const found = row ? ({ kind: "known", key: row } as const) : await adopt(run)
    if (found.kind === "failed") failed.push(run)
    if (found.kind === "adopted") summary.adopted++
    if (found.kind === "failed" || found.kind === "foreign") continue
    odd.push({ tenant: found.key.tenant, transaction_id: found.key.transaction_id, run })
  }
  return { odd, failed }
}
