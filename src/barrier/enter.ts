/**
 * The barrier (design 4.3), to be used within the transaction that holds the effect, or undoes it.
 *
 * B1 the row is inserted before the effect and committed with it: no effect without a row, no row without one.
 * B2 a second attempt waits for the first one's transaction at the primary key, and then sees its end.
 * B3 a row that compensation has closed lets no late attempt through. B4 what is undone is what the row says was done.
 */

export interface BarrierKey {
  /** `<tenant>/<instance_id>`. */
  txn: string
  task: string
  generation: number
  /** Of the request; an undoing is not told by it. */
  fingerprint: string
}

/** One statement on the barrier's table, with its values in the order of their places. */
export interface BarrierStatement {
  text: string
  values: readonly (string | number)[]
}

/** The table's statements, in the database's own words. */
export interface BarrierStatements {
  /**
   * Affects one row when that is ours now, and none, or fails as `isDuplicate` tells, when one was committed.
   * @param result JSON text, of what is going to be done.
   */
  insert(key: BarrierKey, state: "APPLIED" | "BLOCKED", result?: string): BarrierStatement
  /** As it is committed, whatever was seen before; held until the transaction ends. Columns of `BarrierRow`. */
  find(key: BarrierKey, hold: "share" | "update"): BarrierStatement
  /** @param result JSON text. */
  storeResult(key: BarrierKey, result: string): BarrierStatement
  /** The effect is undone. @param result JSON text, of the compensation. */
  close(key: BarrierKey, result: string): BarrierStatement
  /** How a server says that there is a row, where it is an error. After one nothing may be committed. */
  isDuplicate: (thrown: unknown) => boolean
}

interface BarrierRow {
  state: string
  fingerprint: string | null
  /** JSON text. */
  result: string | null
  /** JSON text. */
  comp_result: string | null
}

export interface BarrierRows {
  rows: Record<string, unknown>[]
  /** Rows affected, or read. */
  count: number
}

/** A transaction of the business database that is about to begin. */
export interface BarrierTransaction {
  /** Begins it with this statement, in one message where the driver can: it costs no way of its own. */
  begin: (first: BarrierStatement) => Promise<BarrierRows>
  run: (text: string, values?: BarrierStatement["values"]) => Promise<BarrierRows>
}

export type Entry =
  /** Ours now: run the effect, store its result, commit. */
  | { state: "entered" }
  /** Done before, by the same request. */
  | { state: "replay"; result: unknown }
  /** Done before, by another request. */
  | { state: "key_reused" }
  | { state: "rejected_after_compensation" }

/**
 * After anything but `entered` the transaction is to be rolled back.
 * @param likelyResult JSON text, stored with the row, null unless said: storing another one costs an update, which is
 *   dearer than the insert.
 */
export async function enterBarrier(
  statements: BarrierStatements,
  transaction: BarrierTransaction,
  { likelyResult, ...key }: BarrierKey & { likelyResult?: string },
): Promise<Entry> {
  const inserting = transaction.begin(statements.insert(key, "APPLIED", likelyResult))
  if (await hasInserted(statements, transaction, inserting)) return { state: "entered" }
  const { text, values } = statements.find(key, "share")
  const row = toRow(await transaction.run(text, values))
  if (!row) throw new Error("the barrier row went away while it was read")
  if (row.state !== "APPLIED") return { state: "rejected_after_compensation" }
  if (row.fingerprint !== key.fingerprint) return { state: "key_reused" }
  return { state: "replay", result: parse(row.result) }
}

export type UndoEntry =
  /** Nothing was done, and nothing will be: commit. */
  | { state: "nothing" }
  /** Undo what this is the result of, close the row, commit. */
  | { state: "entered"; result: unknown }
  /** Undone before; null where there was nothing to undo. Roll back. */
  | { state: "replay"; result: unknown }

/** The row came while the transaction ran: the whole of it is run again, and finds it. */
export class BarrierMoved extends Error {}

/** The row is looked for first: after a duplicate key MySQL's transaction is over. Throws `BarrierMoved`. */
export async function enterUndo(
  statements: BarrierStatements,
  transaction: BarrierTransaction,
  key: BarrierKey,
): Promise<UndoEntry> {
  const row = toRow(await transaction.begin(statements.find(key, "update")))
  if (row === undefined) {
    const { text, values } = statements.insert(key, "BLOCKED")
    if (await hasInserted(statements, transaction, transaction.run(text, values))) return { state: "nothing" }
    throw new BarrierMoved("the task was done meanwhile")
  }
  return row.state === "APPLIED"
    ? { state: "entered", result: parse(row.result) }
    : { state: "replay", result: parse(row.comp_result) }
}

/** After an error nothing may be committed, and a snapshot may be older than the row: so the transaction ends here. */
async function hasInserted(
  { isDuplicate }: BarrierStatements,
  { run }: BarrierTransaction,
  inserting: Promise<BarrierRows>,
): Promise<boolean> {
  try {
    return (await inserting).count === 1
  } catch (thrown) {
    if (!isDuplicate(thrown)) throw thrown
    await run("rollback")
    return false
  }
}

function toRow({ rows }: BarrierRows): BarrierRow | undefined {
  // The columns of `find`.
  return rows[0] as BarrierRow | undefined
}

/** As it was when it was stored: every number in it is a double. */
function parse(json: string | null): unknown {
  return JSON.parse(json ?? "null")
}
