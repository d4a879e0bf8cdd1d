/**
 * Which transactions lost rows, each with the place of the newest that is missing.
 *
 * L1  Such a transaction stays out until all its rows are there: else its end would be written over tasks that never
 *     were. A complete change brings them, or somebody wrote what came after the loss: the sweeper, or the worker
 *     that the run moved to. What is left out meanwhile is lost too, and moves the place.
 * L2  Nothing follows an end, and the sweeper compares every end that it sees: it needs no place here.
 */
import type { MirrorChange } from "../../contract/rows.ts"
import { isEndStatus } from "../../contract/statuses.ts"
import { keyOf, type Lineage } from "./lineage.ts"
import { isOlder, type Order } from "./order.ts"

export interface Loss extends Lineage, Order {}

export class Losses {
  readonly #losses = new Map<string, Loss>()

  /** A loss is never changed: one that another has replaced is another. */
  note(loss: Loss): void {
    const key = keyOf(loss)
    const known = this.#losses.get(key)
    if (!known || isOlder(known, loss)) this.#losses.set(key, loss)
  }

  /** L1, L2. Whether the change is to be left out. */
  leavesOut(key: string, { transaction, complete }: MirrorChange, { chain, seq }: Order): boolean {
    const loss = this.#losses.get(key)
    if (!loss) return false
    const isWhole = complete && !isOlder({ chain, seq }, loss)
    const isOver = transaction !== null && isEndStatus(transaction.status)
    if (isWhole || isOver) this.#losses.delete(key)
    else if (!complete) this.note({ ...loss, chain, seq })
    return !complete
  }

  isEmpty(): boolean {
    return this.#losses.size === 0
  }

  /** So many, and others at the next call. */
  next(limit: number): Loss[] {
    const losses = [...this.#losses].slice(0, limit)
    for (const [key, loss] of losses) {
      this.#losses.delete(key)
      this.#losses.set(key, loss)
    }
    return losses.map(([, loss]) => loss)
  }

  /** What was lost is there by now. */
  forget(losses: Loss[]): void {
    for (const loss of losses) if (this.#losses.get(keyOf(loss)) === loss) this.#losses.delete(keyOf(loss))
  }
}
