/**
 * What waits for the next flush, newest state per key, in the order in which transactions became dirty.
 *
 * P1  A transaction's rows leave together: a reader never sees an end whose tasks are still on their way.
 * P2  Not more than `maxRows` rows wait, nor more than about `maxBytes` of them. The transaction that brings one too
 *     many, or too much, loses what waits of it.
 * P3  A transaction that lost a row stays out until all its rows are in Postgres (`losses.ts`).
 */
import type { AttemptRow, MirrorChange } from "../../contract/rows.ts"
import { estimateBytes } from "./estimate-bytes.ts"
import { keyOf, type Lineage, lineageOf } from "./lineage.ts"
import { Losses } from "./losses.ts"
import { countRows, emptyNewest, mergeNewest, type Newest, newestPlace, toNewest } from "./merge.ts"
import { type Order, toSeq } from "./order.ts"

export interface PendingTransaction extends Newest, Lineage {
  attempts: AttemptRow[]
  /** Position among all that ever waited. */
  position: number
  /** When the oldest of its rows came, in milliseconds. */
  since: number
}

/** 50,000 ordinary rows take 50 MB or less, but one with a task's input and output may take 300 KB. */
const MOST_BYTES = 256 * 1024 * 1024
/** What Postgres takes in a second or two, and a worker writes as JSON without holding up the others for long. */
const BATCH_BYTES = 8 * 1024 * 1024

export class Pending {
  /** P3. */
  readonly losses = new Losses()
  readonly #maxRows: number
  readonly #maxBytes: number
  #waiting = new Map<string, PendingTransaction>()
  #rows = 0
  #bytes = 0
  #refused = 0
  #position = 0

  constructor(maxRows: number, maxBytes = MOST_BYTES) {
    this.#maxRows = maxRows
    this.#maxBytes = maxBytes
  }

  add(change: MirrorChange): void {
    const lineage = lineageOf(change)
    const key = keyOf(lineage)
    const order = { chain: change.chain, seq: toSeq(change.history_length, change.ordinal) }
    const brought = toNewest(change, order)
    if (this.losses.leavesOut(key, change, order)) {
      this.#refused += countRows(brought)
      return
    }
    const entry = this.#waiting.get(key)
    if (entry) {
      this.#discount(entry)
      mergeNewest(entry, brought)
    }
    this.#count(entry ?? this.#place(key, lineage, brought))
    if (this.#rows > this.#maxRows || this.#bytes > this.#maxBytes) this.#lose(key, order)
  }

  addAttempt(row: AttemptRow): void {
    if (this.#rows >= this.#maxRows || this.#bytes >= this.#maxBytes) {
      this.#refused++
      return
    }
    const lineage = { tenant: row.tenant, transaction_id: row.transaction_id, reset_run: undefined }
    const key = keyOf(lineage)
    const entry = this.#waiting.get(key) ?? this.#place(key, lineage, emptyNewest())
    const bytes = estimateBytes(row)
    entry.attempts.push(row)
    entry.bytes += bytes
    this.#rows++
    this.#bytes += bytes
  }

  /** Oldest transactions first, until they hold `rows` rows, or enough bytes for a batch, or more. */
  take(rows: number): PendingTransaction[] {
    const taken: PendingTransaction[] = []
    const transactions = new Set<string>()
    const left = { rows: this.#rows - rows, bytes: this.#bytes - BATCH_BYTES }
    for (const [key, entry] of this.#waiting) {
      if (this.#rows <= left.rows || this.#bytes <= left.bytes) break
      // Two lineages of one transaction meet in the same rows, which one statement may touch only once.
      const transaction = `${entry.tenant}/${entry.transaction_id}`
      if (transactions.has(transaction)) continue
      transactions.add(transaction)
      this.#waiting.delete(key)
      this.#discount(entry)
      taken.push(entry)
    }
    return taken
  }

  /** Whether `take` of so many rows would leave some, or just not. */
  isBatch(rows: number): boolean {
    return this.#rows >= rows || this.#bytes >= BATCH_BYTES
  }

  /** Returns what could not be written; newer rows that came meanwhile win. */
  putBack(taken: PendingTransaction[]): void {
    const waiting = new Map<string, PendingTransaction>()
    for (const entry of taken) {
      const key = keyOf(entry)
      const newer = this.#waiting.get(key)
      if (newer) {
        this.#waiting.delete(key)
        this.#discount(newer)
        mergeNewest(entry, newer)
        entry.attempts.push(...newer.attempts)
      }
      this.#count(entry)
      waiting.set(key, entry)
    }
    for (const [key, entry] of this.#waiting) waiting.set(key, entry)
    this.#waiting = waiting
  }

  rows(): number {
    return this.#rows
  }

  /** Of the rows that wait, about. */
  bytes(): number {
    return this.#bytes
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

  #place(key: string, lineage: Lineage, newest: Newest): PendingTransaction {
    const placed: PendingTransaction = {
      tenant: lineage.tenant,
      transaction_id: lineage.transaction_id,
      reset_run: lineage.reset_run,
      transaction: newest.transaction,
      tasks: newest.tasks,
      exceptions: newest.exceptions,
      decisions: newest.decisions,
      complete: newest.complete,
      bytes: newest.bytes,
      attempts: [],
      position: this.#position++,
      since: Date.now(),
    }
    this.#waiting.set(key, placed)
    return placed
  }

  #count(entry: PendingTransaction): void {
    this.#rows += size(entry)
    this.#bytes += entry.bytes
  }

  #discount(entry: PendingTransaction): void {
    this.#rows -= size(entry)
    this.#bytes -= entry.bytes
  }

  #lose(key: string, order: Order): void {
    const entry = this.#waiting.get(key)
    if (!entry) return
    const { tenant, transaction_id, reset_run } = entry
    const { chain, seq } = newestPlace(entry, order)
    this.#waiting.delete(key)
    this.#discount(entry)
    this.#refused += size(entry)
    this.losses.note({ tenant, transaction_id, reset_run, chain, seq })
  }
}

/** Rows of an entry, its attempts included. */
export function size(entry: PendingTransaction): number {
  return countRows(entry) + entry.attempts.length
}
