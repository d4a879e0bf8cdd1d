/**
 * The barrier (design 4.3), to be used within the transaction that holds the effect, or undoes it.
 *
 * B1 the row is inserted before the effect and committed with it: no effect without a row, no row without one.
 * B2 a second attempt waits for the first one's transaction at the primary key, and then sees its end.
 * B3 a row that compensation has closed lets no late attempt through. B4 what is undone is what the row says was done.
 */
import type { CallIdentity } from "../identity.ts"
import type { Run } from "../db/database.ts"

export interface BarrierKey {
  /** `<tenant>/<instance_id>`. */
  txn: string
  task: string
  generation: number
  fingerprint: string
}

export interface BarrierRow {
  state: string
  fingerprint: string | null
  /** JSON text. */
  result: string | null
  /** JSON text. */
  comp_result: string | null
}

/** The table's statements, in the database's own words. */
export interface BarrierRows {
  /** True when the row is ours now; false when there is one, which has been committed. */
  insert(run: Run, key: BarrierKey, state: "APPLIED" | "BLOCKED"): Promise<boolean>
  /** As it is committed, whatever was seen before; held until the transaction ends. */
  find(run: Run, key: BarrierKey, hold: "share" | "update"): Promise<BarrierRow | undefined>
  /** @param result JSON text. */
  storeResult(run: Run, key: BarrierKey, result: string): Promise<void>
  /** The effect is undone. @param result JSON text, of the compensation. */
  close(run: Run, key: BarrierKey, result: string): Promise<void>
}

export type Entry =
  /** Ours now: run the effect, store its result, commit. */
  | { state: "entered" }
  /** Done before, by the same request. */
  | { state: "replay"; result: unknown }
  /** Done before, by another request. */
  | { state: "key_reused" }
  | { state: "rejected_after_compensation" }

/** @param shared a compensation enters by the row of its task; else it has one of its own, as any call has. */
export function barrierKeyOf(identity: CallIdentity, fingerprint: string, shared: boolean): BarrierKey {
  const { tenant, transaction, task, generation, operation } = identity
  const name = operation === "undo" && !shared ? `${task}:undo` : task
  return { txn: `${tenant}/${transaction}`, task: name, generation, fingerprint }
}

/** After anything but `entered` the transaction is to be rolled back. */
export async function enterBarrier(rows: BarrierRows, run: Run, key: BarrierKey): Promise<Entry> {
  if (await rows.insert(run, key, "APPLIED")) return { state: "entered" }
  const row = await rows.find(run, key, "share")
  if (!row) throw new Error("the barrier row went away while it was read")
  if (row.state !== "APPLIED") return { state: "rejected_after_compensation" }
  if (row.fingerprint !== key.fingerprint) return { state: "key_reused" }
  // As it was when it was stored: every number in it is a double.
  return { state: "replay", result: JSON.parse(row.result ?? "null") as unknown }
}

export type UndoEntry =
  /** Nothing was done, and nothing will be: commit. */
  | { state: "nothing" }
  /** Undo what this is the result of, close the row, commit. */
  | { state: "entered"; result: unknown }
  /** Undone before; null where there was nothing to undo. */
  | { state: "replay"; result: unknown }

/** The row came while the transaction ran: the whole of it is run again, and finds it. */
export class BarrierMoved extends Error {}

/** The row is looked for first: after a duplicate key MySQL's transaction is over. Throws `BarrierMoved`. */
export async function enterUndo(rows: BarrierRows, run: Run, key: BarrierKey): Promise<UndoEntry> {
  const row = await rows.find(run, key, "update")
  if (row === undefined) {
    if (await rows.insert(run, key, "BLOCKED")) return { state: "nothing" }
    throw new BarrierMoved("the task was done meanwhile")
  }
  return row.state === "APPLIED"
    ? { state: "entered", result: JSON.parse(row.result ?? "null") as unknown }
    : { state: "replay", result: JSON.parse(row.comp_result ?? "null") as unknown }
}
