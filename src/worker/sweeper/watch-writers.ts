import { findLastVanished } from "../../store/queries/find-last-vanished.ts"
import { forgetVanishedWriters } from "../../store/queries/forget-vanished-writers.ts"
import { listUnchecked } from "../../store/queries/list-unchecked.ts"
import { markVanishedWriters } from "../../store/queries/mark-vanished-writers.ts"
import { compareAll } from "./compare.ts"
import { createCooldown } from "./cooldown.ts"
import type { SweepContext, SweepPart } from "./parts.ts"

/** A run at this part's pace, so that a crash never floods Temporal. */
const BATCH = 200

/**
 * When a mirror writer vanished, what it had in hand may be lost: compares every transaction that is not final,
 * the most recently moved first. Goes on where it was after a change of leaders. One that nobody answers for keeps
 * the writer's record, and is asked every few seconds: so all is healed soon after a worker is back.
 */
export function createWatchWriters(context: Pick<SweepContext, "pool" | "reconciler" | "logger">): SweepPart {
  const { pool, logger } = context
  const cooldown = createCooldown({ firstMs: 2_000, longestMs: 8_000 })
  return async (summary) => {
    const vanished = await markVanishedWriters(pool)
    summary.vanished_writers += vanished
    if (vanished > 0) logger.info({ writers: vanished }, "mirror writers vanished: comparing with Temporal")
    const since = await findLastVanished(pool)
    if (!since) return
    const failed = cooldown.failed()
    const keys = await listUnchecked(pool, { since, failed, limit: BATCH })
    await compareAll(context, keys, cooldown, summary)
    if (keys.length === 0 && failed.cooling.length === 0) await forgetVanishedWriters(pool, since)
  }
}
