import { confirmEnds } from "../../store/queries/confirm-ends.ts"
import { listByWorkflow } from "../../store/queries/list-by-workflow.ts"
import { toClosedRun } from "../../store/temporal/closed-run.ts"
import type { ListedRun } from "../../store/temporal/list-runs.ts"
import { adopt } from "./adopt.ts"
import { compareAll } from "./compare.ts"
import { createCooldown } from "./cooldown.ts"
import type { SweepContext, SweepPart, Summary } from "./parts.ts"
import { createVisibilityScan } from "./scan-visibility.ts"

/** Confirms the ends that the mirror has right, and compares the others. */
export function createScanClosed(context: SweepContext): SweepPart {
  const cooldown = createCooldown({ firstMs: 2_000, longestMs: 60_000 })
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
      const odd = await findOdd(context, rest, summary)
      const compared = await compareAll(context, odd, cooldown, summary)
      const isOpen = new Set(odd.map(({ run }) => run.runId))
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

/** Runs whose end the mirror does not show as final; not those that were continued, nor those of others. */
async function findOdd(context: SweepContext, runs: ListedRun[], summary: Summary): Promise<OddRun[]> {
  const ended = runs.filter(({ status }) => status.name !== "CONTINUED_AS_NEW")
  if (ended.length === 0) return []
  const known = await listByWorkflow(
    context.pool,
    ended.map(({ workflowId }) => workflowId),
  )
  const odd: OddRun[] = []
  for (const run of ended) {
    const row = known.get(run.workflowId)
    if (row?.is_confirmed && row.run_id === run.runId) continue
    const key = row ?? (await adopt(context, run))
    if (!key) continue
    if (!row) summary.adopted++
    odd.push({ tenant: key.tenant, transaction_id: key.transaction_id, run })
  }
  return odd
}
