/**
 * A worker tells the mirror what an activation came to before Temporal has it. Where the worker dies in between, its
 * workflow task times out and is done again, and the history grows past what was told. Not so where Temporal forgets
 * the task: one that is made for an update alone is nowhere in the history, and is lost with the server's memory of
 * it. Then the mirror stands ahead of the run for good, and nothing that is known of the run is newer.
 */
import type { Pool } from "pg"
import { knownUntil } from "../../contract/known-until.ts"
import type { View } from "../../contract/rows.ts"
import type { Logger } from "../../store/logger.ts"
import { toHistoryLength, toSeq } from "../../store/mirror/order.ts"
import { takeBack } from "../../store/mirror/queries/take-back.ts"
import type { StoredMirror } from "../../store/mirror/read-mirror.ts"
import type { Observation, Run } from "./observe.ts"

/** Longer than a workflow task may take and than its rows are on their way: what Temporal has not by then, it never gets. */
const ARRIVES_WITHIN_MS = 30_000

export function isAhead({ transaction }: StoredMirror, observed: Observation): boolean {
  if (observed.kind !== "open" && observed.kind !== "closed") return false
  const { run_id, history_length } = observed.run
  if (run_id !== transaction.run_id || toHistoryLength(transaction.seq) <= history_length) return false
  // The history of one that is closed has its last event.
  const stillMs = transaction.read_at.getTime() - transaction.updated_at.getTime()
  return observed.kind === "closed" || stillMs > ARRIVES_WITHIN_MS
}

/**
 * Makes room for what the run itself says. @returns false when the row moved since it was read: nothing is done.
 * @param run as `isAhead` was told of it.
 * @param decisions the newest that it took, as its view has them; undefined where nobody can say.
 */
export async function takeBackAhead(
  { pool, logger }: { pool: Pool; logger: Logger },
  { transaction }: StoredMirror,
  { run, decisions }: { run: Run; decisions: View["decisions"] | undefined },
): Promise<boolean> {
  const { tenant, transaction_id, resets, chain, seq } = transaction
  const { run_id, history_length, started_at } = run
  const isTaken = await takeBack(pool, {
    tenant,
    transaction_id,
    from: { run_id, resets, chain, seq },
    seq: toSeq(history_length, 0),
    decided_after: decisions ? knownUntil(started_at, decisions) : Number.POSITIVE_INFINITY,
    known_decisions: decisions?.map(({ decision_id }) => decision_id) ?? [],
  })
  if (isTaken)
    logger.warn(
      { tenant, transaction: transaction_id, told: toHistoryLength(seq), history: history_length },
      "the mirror was told what Temporal never got: it is taken back",
    )
  return isTaken
}
