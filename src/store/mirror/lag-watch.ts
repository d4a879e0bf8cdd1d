import type { Logger } from "../logger.ts"
import type { MirrorStats } from "./writer.ts"

/** Later than this the mirror is not what a reader takes it for. */
const LAG_LIMIT_MS = 30_000
const EVERY_MS = 1_000

/**
 * Warns once when rows wait too long, and says once when they do no more. There is no exception for it: one belongs to
 * a transaction, and what the mirror waits for is the Postgres it would be written to.
 *
 * @returns what ends it.
 */
export function watchMirrorLag(stats: () => MirrorStats, logger: Logger): () => void {
  let isLate = false
  const look = () => {
    const { lag_ms, pending } = stats()
    const wasLate = isLate
    isLate = lag_ms > LAG_LIMIT_MS
    if (isLate && !wasLate) logger.warn({ lag_ms, pending }, "the mirror is more than 30 s late")
    if (wasLate && !isLate) logger.info({ pending }, "the mirror is in time again")
  }
  const timer = setInterval(look, EVERY_MS)
  timer.unref()
  return () => clearInterval(timer)
}
