import { listByWorkflow } from "../../store/queries/list-by-workflow.ts"
import type { TransactionKey } from "../../store/queries/transaction-key.ts"
import type { ListedRun } from "../../store/temporal/list-runs.ts"
import { createAdopter } from "./adopter.ts"
import { compareAll } from "./compare.ts"
import { createCooldown } from "./cooldown.ts"
import type { SweepContext, SweepPart } from "./parts.ts"
import { createVisibilityScan } from "./scan-visibility.ts"

/** The first rows of a run come within moments, or, from a worker that has too much to do, later. */
const FIRST_ROWS_MS = 30_000

type StartedRun = TransactionKey & { run: ListedRun }

/**
 * Finds runs that the mirror does not follow yet: a reset (also of a closed run, whose end is then no longer
 * final), or a workflow whose row is missing.
 */
export function createScanStarted(context: SweepContext): SweepPart {
  const cooldown = createCooldown({ firstMs: 2_000, longestMs: 60_000 })
  const adopt = createAdopter(context)
  return createVisibilityScan(context, {
    name: "started",
    attribute: "StartTime",
    timeOf: (run) => run.startTime,
    async handle(runs, summary) {
      const known = await listByWorkflow(
        context.pool,
        runs.map(({ workflowId }) => workflowId),
      )
      const seen: ListedRun[] = []
      const odd: StartedRun[] = []
      for (const run of runs) {
        const row = known.get(run.workflowId)
        const isYoung = Date.now() - run.startTime.getTime() < FIRST_ROWS_MS
        if (row?.run_id === run.runId || run.status.name === "CONTINUED_AS_NEW") seen.push(run)
        else if (row?.run_id === null && isYoung) continue
        else {
          const found = row ? ({ kind: "known", key: row } as const) : await adopt(run)
          if (found.kind === "foreign") seen.push(run)
          if (found.kind === "adopted") summary.adopted++
          if (found.kind === "foreign" || found.kind === "failed") continue
          odd.push({ tenant: found.key.tenant, transaction_id: found.key.transaction_id, run })
        }
      }
      const compared = await compareAll(context, odd, cooldown, summary)
      return [...seen, ...compared.map(({ run }) => run)]
    },
  })
}
