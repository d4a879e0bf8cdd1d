import { listOutdated } from "../../store/queries/list-outdated.ts"
import { purgeBulkJobs } from "../../store/queries/purge-bulk-jobs.ts"
import { purgeTransactions } from "../../store/queries/purge-transactions.ts"
import { compareAll } from "./compare.ts"
import { createCooldown } from "./cooldown.ts"
import type { SweepContext, SweepPart } from "./parts.ts"

/** Small, so that no lock is held for long; a run ends after so many, so that the other parts' questions pass. */
const BATCH = 100
const BATCHES = 20

/**
 * Deletes transactions, and bulk jobs, that ended longer ago than the retention. Each transaction is compared with Temporal first: an end that was
 * confirmed may have been reset or resumed since, and then the comparison takes its confirmation away.
 */
export function createPurge(
  context: Pick<SweepContext, "pool" | "reconciler" | "logger">,
  retentionMs: number | undefined,
): SweepPart {
  const cooldown = createCooldown({ firstMs: 60_000, longestMs: 60 * 60_000 })
  return async (summary) => {
    if (retentionMs === undefined) return
    const before = summary.purged
    for (let batch = 1; batch <= BATCHES; batch++) {
      const { cooling } = cooldown.failed()
      const outdated = await listOutdated(context.pool, { olderThanMs: retentionMs, cooling, limit: BATCH })
      const keys = await compareAll(context, outdated, cooldown, summary)
      const purged = await purgeTransactions(context.pool, { keys, olderThanMs: retentionMs })
      summary.purged += purged
      if (purged === 0 || outdated.length < BATCH) break
    }
    const purged = summary.purged - before
    const jobs = await purgeBulkJobs(context.pool, retentionMs)
    if (jobs > 0) context.logger.info({ bulk_jobs: jobs }, "bulk jobs past their retention are purged")
    if (purged > 0)
      context.logger.info({ transactions: purged }, "transactions past their retention are purged")
  }
}
