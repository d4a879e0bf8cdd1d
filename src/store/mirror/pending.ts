/**
 * What waits for the next flush, newest state per key, in the order in which transactions became dirty.
 *
 * P1  A transaction's rows leave together: a reader never sees an end whose tasks are still on their way.
 * P2  Not more than `maxRows` rows wait. The transaction that brings one too many loses what waits of it.
 * P3  A transaction that lost a row stays out until a complete change brings all its rows: else its end would be
 *     written over tasks that never were. The sweeper heals it meanwhile.
 */
import type { AttemptRow, MirrorChange } from "../../contract/rows.ts"
import { isEndStatus } from "../../contract/statuses.ts"
import { countRows, emptyNewest, mergeNewest, type Newest, toNewest } from "./merge.ts"
import { toSeq } from "./order.ts"

interface Names {
  tenant: string
  transaction_id: string
  /** The reset run whose number comes first in the order; none for a transaction that was never reset. */
  reset_run: string | undefined
}

export interface PendingTransaction extends Newest, Names {
  attempts: AttemptRow[]
  /** Position among all that ever waited. */
  position: number
  /** When the oldest of its rows came, in milliseconds. */
  since: number
}

export class Pending {
  readonly #maxRows: number
  #waiting = new Map<string, PendingTransaction>()
  readonly #lossy = new Set<string>()
  #rows = 0
  #refused = 0
  #position = 0

  constructor(maxRows: number) {
    this.#maxRows = maxRows
  }

  add(change: MirrorChange): void {
    const { tenant, transaction_id, chain } = change
    const names = { tenant, transaction_id, reset_run: resetRunOf(change) }
    const key = keyOf(names)
    const brought = toNewest(change, { chain, seq: toSeq(change.history_length, change.ordinal) })
    if (this.#isLeftOut(key, change)) {
      this.#refused += countRows(brought)
      return
    }
    const entry = this.#waiting.get(key)
    const had = entry ? size(entry) : 0
    if (entry) mergeNewest(entry, brought)
    this.#rows += size(entry ?? this.#place(key, names, brought)) - had
    if (this.#rows > this.#maxRows) this.#lose(key)
  }

  addAttempt(row: AttemptRow): void {
    if (this.#rows >= this.#maxRows) {
      this.#refused++
      return
    }
    const names = { tenant: row.tenant, transaction_id: row.transaction_id, reset_run: undefined }
    const key = keyOf(names)
    const entry = this.#waiting.get(key) ?? this.#place(key, names, emptyNewest())
    entry.attempts.push(row)
    this.#rows++
  }

  /** Oldest transactions first, until they hold `rows` rows or more. */
  take(rows: number): PendingTransaction[] {
    const taken: PendingTransaction[] = []
    const transactions = new Set<string>()
    let count = 0
    for (const [key, entry] of this.#waiting) {
      if (count >= rows) break
      // Two lineages of one transaction meet in the same rows, which one statement may touch only once.
      const transaction = `${entry.tenant}/${entry.transaction_id}`
      if (transactions.has(transaction)) continue
      transactions.add(transaction)
      this.#waiting.delete(key)
      taken.push(entry)
      count += size(entry)
    }
    this.#rows -= count
    return taken
  }

  /** Returns what could not be written; newer rows that came meanwhile win. */
  putBack(taken: PendingTransaction[]): void {
    const waiting = new Map<string, PendingTransaction>()
    for (const entry of taken) {
      const key = keyOf(entry)
      const newer = this.#waiting.get(key)
      if (newer) {
        this.#waiting.delete(key)
        this.#rows -= size(newer)
        mergeNewest(entry, newer)
        entry.attempts.push(...newer.attempts)
      }
      this.#rows += size(entry)
      waiting.set(key, entry)
    }
    for (const [key, entry] of this.#waiting) waiting.set(key, entry)
    this.#waiting = waiting
  }

  rows(): number {
    return this.#rows
  }

  /** Rows that were refused because of P2 and P3. */
  refused(): number {
    return this.#refused
  }

  oldest(): PendingTransaction | undefined {
    return this.#waiting.values().next().value
  }

  /** What waits now has positions below it. */
  nextPosition(): number {
    return this.#position
  }

  #place(key: string, names: Names, newest: Newest): PendingTransaction {
    const placed: PendingTransaction = {
      tenant: names.tenant,
      transaction_id: names.transaction_id,
      reset_run: names.reset_run,
      transaction: newest.transaction,
      tasks: newest.tasks,
      exceptions: newest.exceptions,
      decisions: newest.decisions,
      complete: newest.complete,
      attempts: [],
      position: this.#position++,
      since: Date.now(),
    }
    this.#waiting.set(key, placed)
    return placed
  }

  #lose(key: string): void {
    const entry = this.#waiting.get(key)
    if (!entry) return
    this.#rows -= size(entry)
    this.#refused += size(entry)
    this.#waiting.delete(key)
    this.#lossy.add(key)
  }

  /** P3. */
  #isLeftOut(key: string, { transaction, complete }: MirrorChange): boolean {
    if (!this.#lossy.has(key)) return false
    const isOver = transaction !== null && isEndStatus(transaction.status)
    if (complete || isOver) this.#lossy.delete(key)
    return !complete
  }
}

/** Rows of an entry, its attempts included. */
export function size(entry: PendingTransaction): number {
  return countRows(entry) + entry.attempts.length
}

function resetRunOf({ run_id, original_run_id, reset_run }: MirrorChange): string | undefined {
  return run_id === original_run_id ? reset_run : run_id
}

function keyOf({ tenant, transaction_id, reset_run }: Names): string {
  return `${tenant}/${transaction_id}\n${reset_run ?? ""}`
}
