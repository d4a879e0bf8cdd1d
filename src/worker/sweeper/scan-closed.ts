import type { WorkflowExecutionInfo, WorkflowExecutionStatusName } from "@temporalio/client"
import type { EndStatus } from "../../contract/statuses.ts"
import { toSeq } from "../../store/mirror/order.ts"
import { confirmEnds } from "../../store/queries/confirm-ends.ts"
import { listByWorkflow } from "../../store/queries/list-by-workflow.ts"
import { adopt } from "./adopt.ts"
import { compareAll } from "./compare.ts"
import { createCooldown } from "./cooldown.ts"
import { EVENTS_AFTER_LAST_ACTIVATION } from "./find-out.ts"
import type { SweepContext, SweepPart, Summary } from "./parts.ts"
import { createVisibilityScan } from "./scan-visibility.ts"

/** Design page "architecture", close status. The other ones are nobody's word: those runs were lost. */
const STATUSES_OF_CLOSE: Partial<Record<WorkflowExecutionStatusName, EndStatus[]>> = {
  COMPLETED: ["success"],
  FAILED: ["failed", "compensated", "closed", "cancelled"],
  CANCELLED: ["cancelled"],
}

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

function confirm({ pool }: SweepContext, runs: WorkflowExecutionInfo[]): Promise<Set<string>> {
  return confirmEnds(
    pool,
    runs.flatMap(({ workflowId, runId, status, historyLength }) => {
      const statuses = STATUSES_OF_CLOSE[status.name]
      const least = toSeq(historyLength - EVENTS_AFTER_LAST_ACTIVATION, 0)
      return statuses ? [{ workflow_id: workflowId, run_id: runId, statuses, least_seq: least }] : []
    }),
  )
}

interface OddRun {
  tenant: string
  transaction_id: string
  run: WorkflowExecutionInfo
}

/** Runs whose end the mirror does not show as final; not those that were continued, nor those of others. */
async function findOdd(
  context: SweepContext,
  runs: WorkflowExecutionInfo[],
  summary: Summary,
): Promise<OddRun[]> {
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
