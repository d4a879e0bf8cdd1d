/**
 * The do half of the barrier (design 4.3), to be used within the transaction that holds the effect.
 *
 * B1 the row is inserted before the effect and committed with it: no effect without a row, no row without one.
 * B2 a second attempt waits for the first one's transaction at the primary key, and then sees its end.
 * B3 a row that compensation has closed lets no late attempt through.
 */
import { BARRIER_TABLE } from "../../contract/sql.ts"
import type { CallIdentity } from "../identity.ts"
import type { Run } from "../db/transaction.ts"

export interface BarrierKey {
  /** `<tenant>/<instance_id>`. */
  txn: string
  task: string
  generation: number
  fingerprint: string
}

export type Entry =
  /** Ours now: run the effect, store its result, commit. */
  | { state: "entered" }
  /** Done before, by the same request. */
  | { state: "replay"; result: unknown }
  /** Done before, by another request. */
  | { state: "key_reused" }
  | { state: "rejected_after_compensation" }

export function barrierKeyOf(identity: CallIdentity, fingerprint: string): BarrierKey {
  const { tenant, transaction, task, generation } = identity
  return { txn: `${tenant}/${transaction}`, task, generation, fingerprint }
}

export async function enterBarrier(run: Run, key: BarrierKey): Promise<Entry> {
  const { txn, task, generation, fingerprint } = key
  const inserted = await run(
    `insert into ${BARRIER_TABLE} (txn, task, generation, state, fingerprint, applied_at)
     values ($1, $2, $3, 'APPLIED', $4, now()) on conflict do nothing`,
    [txn, task, generation, fingerprint],
  )
  if (inserted.rowCount === 1) return { state: "entered" }
  const { rows } = await run<{ state: string; fingerprint: string | null; result: string | null }>(
    `select state, fingerprint, result::text as result from ${BARRIER_TABLE}
      where txn = $1 and task = $2 and generation = $3 for share`,
    [txn, task, generation],
  )
  const row = rows[0]
  if (!row) throw new Error("the barrier row went away while it was read")
  if (row.state !== "APPLIED") return { state: "rejected_after_compensation" }
  if (row.fingerprint !== fingerprint) return { state: "key_reused" }
  // As it was when it was stored: every number in it is a double.
  return { state: "replay", result: JSON.parse(row.result ?? "null") as unknown }
}

/** @param result JSON text. */
export async function storeResult(
  run: Run,
  { txn, task, generation }: BarrierKey,
  result: string,
): Promise<void> {
  await run(`update ${BARRIER_TABLE} set result = $4 where txn = $1 and task = $2 and generation = $3`, [
    txn,
    task,
    generation,
    result,
  ])
}
