/**
 * What orders the rows of one transaction: resets, then chain, then seq. Resets are numbered by Postgres alone
 * (`number-reset.ts`), so before a flush only rows of the same lineage can be compared.
 */

export interface Order {
  /** How many runs came before by continue-as-new or resume. */
  chain: number
  /** Grows within a run. */
  seq: number
}

/** Room for the activations that share a history length. */
const ORDINALS = 2 ** 20

/** By arithmetic: `<<` works on 32 bits, and a history of 50,000 events needs 36. */
export function toSeq(historyLength: number, ordinal: number): number {
  return historyLength * ORDINALS + Math.min(ordinal, ORDINALS - 1)
}

export function toHistoryLength(seq: number): number {
  return Math.floor(seq / ORDINALS)
}

export function isOlder(one: Order, other: Order): boolean {
  return one.chain === other.chain ? one.seq < other.seq : one.chain < other.chain
}
