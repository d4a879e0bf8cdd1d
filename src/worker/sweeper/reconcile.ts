/**
 * Brings one transaction's mirror to what Temporal says of its current run. Every part of the sweeper that finds
 * something odd ends here; what is not odd costs one `describe`.
 */
import type { Client } from "@temporalio/client"
import type { Pool } from "pg"
import type { Logger } from "../../store/logger.ts"
import { findDifferences } from "../../store/mirror/differences.ts"
import { toSeq } from "../../store/mirror/order.ts"
import { readMirror, type StoredMirror } from "../../store/mirror/read-mirror.ts"
import type { MirrorWriter } from "../../store/mirror/writer.ts"
import { confirmEnd } from "../../store/queries/confirm-end.ts"
import type { TransactionKey } from "../../store/queries/transaction-key.ts"
import { markChecked } from "../../store/queries/mark-checked.ts"
import { findOut } from "./find-out.ts"
import { type Observation, observe } from "./observe.ts"
import { forgetUntaken, isAhead, takeBackAhead } from "./take-back-ahead.ts"
import { writeFinding } from "./write-finding.ts"

/**
 * `away`: nobody could say; ask again later. `unstarted`: its row does not know that Temporal has it, which is for
 * those who start orphans; ask again later. `unknown`: the mirror has no row of it.
 */
export type Verdict = Compared | { kind: "away" } | { kind: "unstarted" } | { kind: "unknown" }

interface Compared {
  kind: "same" | "healed"
  /** The end became final by this. */
  confirmed: boolean
}

export interface Reconciler {
  /** Two calls for one transaction at the same time are one. @throws the client's or the pool's error. */
  reconcile(key: TransactionKey): Promise<Verdict>
}

export interface ReconcilerOptions {
  pool: Pool
  client: Client
  writer: MirrorWriter
  logger: Logger
}

export function createReconciler(options: ReconcilerOptions): Reconciler {
  const underWay = new Map<string, Promise<Verdict>>()
  return {
    reconcile(key) {
      const name = `${key.tenant}/${key.transaction_id}`
      const found = underWay.get(name)
      if (found) return found
      const verdict = reconcile(options, key).finally(() => underWay.delete(name))
      underWay.set(name, verdict)
      return verdict
    },
  }
}

async function reconcile(options: ReconcilerOptions, key: TransactionKey): Promise<Verdict> {
  const { pool, client, logger } = options
  const stored = await readMirror(pool, key)
  if (!stored) return { kind: "unknown" }
  const { transaction } = stored
  // A run that started eagerly may be over before its first rows are written, or lost.
  if (!transaction.is_dispatched) return { kind: "unstarted" }
  const observed = await observe(client, transaction.workflow_id)
  const mustGoBack = isAhead(stored, observed)
  if (!mustGoBack && isSeen(stored, observed)) {
    await markChecked(pool, { ...key, read_at: transaction.read_at, run_id: transaction.run_id, seq: null })
    return { kind: "same", confirmed: false }
  }
  const finding = await findOut(client, stored, observed)
  if (!finding) return { kind: "away" }
  const differences = findDifferences(finding.view, stored)
  if ("run" in observed) {
    const { run } = observed
    const untaken = mustGoBack || finding.over ? await forgetUntaken(pool, stored, { run, finding }) : []
    if (untaken.length > 0)
      logger.warn(
        { ...key, decisions: untaken },
        "decisions were told that Temporal never got: they are forgotten",
      )
    if (mustGoBack && !(await takeBackAhead(pool, stored, run))) return { kind: "away" }
  }
  const isHealed = differences.length > 0 || finding.run.run_id !== (transaction.run_id ?? "")
  if (isHealed) {
    const fields = describeFields(differences)
    logger.info({ ...key, differences: differences.length, fields }, "the mirror is healed")
    await writeFinding(options, stored, finding)
  }
  if (finding.extent === "provisional") return { kind: "away" }
  const { run_id, history_length, ordinal } = finding.run
  await markChecked(pool, {
    ...key,
    read_at: transaction.read_at,
    run_id,
    seq: toSeq(history_length, ordinal),
  })
  const confirmed = finding.over && (await confirmEnd(pool, { ...key, run_id: run_id || null }))
  return { kind: isHealed ? "healed" : "same", confirmed }
}

/** An open run whose rows are as new as its history, or an end that was seen before. */
function isSeen({ transaction }: StoredMirror, observed: Observation): boolean {
  if (observed.kind !== "open" && observed.kind !== "closed") return false
  if (observed.run.run_id !== transaction.run_id) return false
  if (observed.kind === "closed") return transaction.is_confirmed
  return transaction.seq >= toSeq(observed.run.history_length, 0)
}

function describeFields(differences: { entity: string; key: string; field: string }[]): string[] {
  return differences
    .slice(0, 10)
    .map(({ entity, key, field }) => [entity, key, field].filter(Boolean).join(" "))
}
