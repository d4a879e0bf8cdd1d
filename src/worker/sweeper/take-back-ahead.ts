/**
 * A worker tells the mirror what an activation came to before Temporal has it. Where the worker dies in between, its
 * workflow task times out and is done again, and the history grows past what was told. Not so where Temporal forgets
 * the task: one that is made for an update alone is nowhere in the history, and is lost with the server's memory of
 * it, or dropped when the update was refused. Then the mirror stands ahead of the run, and nothing that is known of
 * the run is newer.
 */
import type { Pool } from "pg"
import { knownSince } from "../../contract/known-since.ts"
import { toHistoryLength, toSeq } from "../../store/mirror/order.ts"
import { forgetDecisions } from "../../store/mirror/queries/forget-decisions.ts"
import { takeBack } from "../../store/mirror/queries/take-back.ts"
import type { StoredMirror } from "../../store/mirror/read-mirror.ts"
import type { Finding } from "./find-out.ts"
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

/** Makes room for what the run itself says. @returns false when the row changed since it was read: nothing is done. */
export async function takeBackAhead(
  pool: Pool,
  { transaction }: StoredMirror,
  { run_id, history_length }: Run,
): Promise<boolean> {
  const { tenant, transaction_id, row_version } = transaction
  // Below what is known, until that is written: else rows that only seem to be as new would be taken for it.
  const seq = toSeq(history_length, 0) - 1
  return takeBack(pool, { tenant, transaction_id, row_version, run_id, seq })
}

/** @returns the ids of decisions that were told and never taken, as far as the run itself could say. */
export async function forgetUntaken(
  pool: Pool,
  { transaction }: StoredMirror,
  { run, finding }: { run: Run; finding: Finding },
): Promise<string[]> {
  if (finding.extent !== "whole") return []
  const { tenant, transaction_id, row_version } = transaction
  const { decisions } = finding.view
  return forgetDecisions(pool, {
    tenant,
    transaction_id,
    row_version,
    known_since: knownSince(run.started_at, decisions),
    known: decisions.map(({ decision_id }) => decision_id),
  })
}
