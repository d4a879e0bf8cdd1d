/** Whether the rows of one tenant's audit trail are those that were written, all of them, in their order. */
import { type AuditRecord, hashRow, NO_HASH } from "./row-hash.ts"

export interface ChainRow {
  seq: number
  record: AuditRecord
  /** As it is stored. */
  hash: string
}

/** What the database remembers of a chain's end. */
export interface ChainHead {
  seq: number
  hash: string
}

/**
 * The first thing that is wrong. `missing`: a row is not there. `changed`: what the row says is not what was hashed.
 * `unlinked`: the row does not follow the one before it. `cut`: the end is not the one that is remembered.
 */
export interface ChainBreak {
  seq: number
  kind: "missing" | "changed" | "unlinked" | "cut"
  expected: string
  came: string
}

export interface ChainCheck {
  /** Rows by `seq`, all of them. @returns what is wrong with this one; nothing after it needs to be looked at. */
  take(row: ChainRow): ChainBreak | undefined
  /** After the last row. @param head undefined where none is remembered. */
  end(head: ChainHead | undefined): ChainBreak | undefined
}

export function createChainCheck(): ChainCheck {
  let last: ChainHead = { seq: 0, hash: NO_HASH }
  return {
    take({ seq, record, hash }) {
      const wanted = last.seq + 1
      if (seq !== wanted)
        return { seq: wanted, kind: "missing", expected: `row ${wanted}`, came: `row ${seq}` }
      const came = hashRow(record)
      if (came !== hash) return { seq, kind: "changed", expected: hash, came }
      if (record.prev_hash !== last.hash)
        return { seq, kind: "unlinked", expected: last.hash, came: String(record.prev_hash) }
      last = { seq, hash }
      return undefined
    },
    end(head) {
      const expected = head ?? { seq: 0, hash: NO_HASH }
      if (expected.seq === last.seq && expected.hash === last.hash) return undefined
      const seq = Math.min(expected.seq, last.seq) + (expected.seq === last.seq ? 0 : 1)
      return { seq, kind: "cut", expected: describe(expected), came: describe(last) }
    },
  }
}

function describe({ seq, hash }: ChainHead): string {
  return `an end at row ${seq} with hash ${hash}`
}
