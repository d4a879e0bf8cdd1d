import type { DecisionRow } from "./rows.ts"

/**
 * A run remembers its newest decisions without a gap, and takes them with it into the run that continues it. What was
 * decided after this moment and is not among them, it never took; of what came before, it may have forgotten some.
 * @param startedAt of the run; this and the answer in milliseconds.
 */
export function knownSince(startedAt: number, decisions: readonly Pick<DecisionRow, "at">[]): number {
  const [oldest] = decisions
  return Math.max(startedAt, oldest?.at ?? startedAt)
}
