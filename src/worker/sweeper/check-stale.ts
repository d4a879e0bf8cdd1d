import { listStale } from "../../store/queries/list-stale.ts"
import { compareAll } from "./compare.ts"
import { createCooldown } from "./cooldown.ts"
import type { SweepContext, SweepPart } from "./parts.ts"

const STALE_MS = 60_000
const BATCH = 100

/** Compares transactions that have not moved for a minute: whatever else fails, this finds it. */
export function createCheckStale(
  context: Pick<SweepContext, "pool" | "reconciler" | "logger">,
  staleMs: number = STALE_MS,
): SweepPart {
  const cooldown = createCooldown({ firstMs: 15_000, longestMs: 5 * 60_000 })
  return async (summary) => {
    const failed = cooldown.failed()
    const keys = await listStale(context.pool, { olderThanMs: staleMs, failed, limit: BATCH })
    await compareAll(context, keys, cooldown, summary)
  }
}
