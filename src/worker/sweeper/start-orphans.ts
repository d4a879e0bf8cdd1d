import { toError } from "../../contract/errors.ts"
import type { Dispatcher } from "../../store/dispatch.ts"
import { listOrphans } from "../../store/queries/list-orphans.ts"
import { isTemporalAway } from "../../store/temporal/errors.ts"
import { createCooldown } from "./cooldown.ts"
import { inParallel } from "./in-parallel.ts"
import type { SweepContext, SweepPart } from "./parts.ts"

/** The API starts what it accepts within moments, unless it died or Temporal was away. */
const ORPHAN_AGE_MS = 2_000
const BATCH = 200
const WIDTH = 8

/** Starts transactions that were accepted and not started. */
export function createStartOrphans({
  pool,
  dispatcher,
  logger,
}: Pick<SweepContext, "pool" | "logger"> & { dispatcher: Pick<Dispatcher, "dispatch"> }): SweepPart {
  const cooldown = createCooldown({ firstMs: 5_000, longestMs: 5 * 60_000 })
  return async (summary) => {
    const { cooling } = cooldown.failed()
    const orphans = await listOrphans(pool, { olderThanMs: ORPHAN_AGE_MS, cooling, limit: BATCH })
    let isAway = false
    await inParallel(orphans, WIDTH, async ({ tenant, transaction_id }) => {
      const name = `${tenant}/${transaction_id}`
      if (isAway) return
      try {
        await dispatcher.dispatch(tenant, transaction_id)
        cooldown.succeed(name)
        summary.started++
      } catch (thrown) {
        isAway = isTemporalAway(thrown)
        if (isAway) throw thrown
        cooldown.fail(name)
        logger.error(
          { tenant, transaction: transaction_id, error: toError(thrown).message },
          "a transaction cannot start",
        )
      }
    })
  }
}
