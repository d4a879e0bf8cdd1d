/**
 * What was written of late. The mirror's commits wait neither for the disk nor for a standby: when Postgres crashes, or
 * a standby takes over, the last of them are gone, although each was answered. A run that goes on tells only what is new,
 * so nobody else would bring those rows again. They are kept here, to be written once more after the session was lost.
 *
 * W1  Each is kept until an answer came `KEPT_MS` after its own. A crash takes what is younger than three times
 *     `wal_writer_delay`, which is 200 ms unless an administrator says otherwise.
 * W2  Of what is too much to be kept, the place is: the transaction counts as one that lost a row.
 */
import { isEndStatus } from "../../contract/statuses.ts"
import { keyOf } from "./lineage.ts"
import type { Loss } from "./losses.ts"
import { mergeNewest, newestPlace } from "./merge.ts"
import { type PendingTransaction, size } from "./pending.ts"

const KEPT_MS = 10_000
const MOST_ROWS = 10_000
const MOST_BYTES = 32 * 1024 * 1024

interface Written {
  entry: PendingTransaction
  at: number
}

export class RecentlyWritten {
  #whole: Written[] = []
  /** W2. */
  #places: { loss: Loss; at: number }[] = []
  #rows = 0
  #bytes = 0

  /** What was answered just now. */
  add(entries: PendingTransaction[]): void {
    const at = performance.now()
    for (const entry of entries) {
      this.#whole.push({ entry, at })
      this.#rows += size(entry)
      this.#bytes += entry.bytes
    }
    const isYoung = (one: { at: number }): boolean => one.at > at - KEPT_MS
    let over = 0
    for (const written of this.#whole) {
      if (isYoung(written) && this.#rows <= MOST_ROWS && this.#bytes <= MOST_BYTES) break
      over++
      this.#rows -= size(written.entry)
      this.#bytes -= written.entry.bytes
      if (isYoung(written)) this.#keepPlace(written)
    }
    this.#whole.splice(0, over)
    this.#places = this.#places.filter(isYoung)
  }

  /** All of it, a transaction once, the oldest first; nothing is kept any more. */
  takeAll(): { entries: PendingTransaction[]; losses: Loss[] } {
    const entries = new Map<string, PendingTransaction>()
    for (const { entry } of this.#whole) {
      const key = keyOf(entry)
      const older = entries.get(key)
      if (older) {
        mergeNewest(older, entry)
        older.attempts.push(...entry.attempts)
      } else entries.set(key, { ...entry, since: Date.now() })
    }
    const losses = this.#places.map(({ loss }) => loss)
    this.#whole = []
    this.#places = []
    this.#rows = 0
    this.#bytes = 0
    return { entries: [...entries.values()], losses }
  }

  #keepPlace({ entry, at }: Written): void {
    // The sweeper compares every end that it sees.
    if (entry.transaction && isEndStatus(entry.transaction.row.status)) return
    const { tenant, transaction_id, reset_run } = entry
    const place = newestPlace(entry, { chain: 0, seq: 0 })
    this.#places.push({ loss: { tenant, transaction_id, reset_run, ...place }, at })
  }
}
