import { describe, expect, test } from "vitest"
import { type ChainBreak, type ChainHead, type ChainRow, createChainCheck } from "./check-chain.ts"
import { type AuditRecord, hashRow, NO_HASH } from "./row-hash.ts"

const EMPTY: AuditRecord = {
  tenant: "default",
  seq: null,
  at: "2026-01-15T12:00:00.000000Z",
  actor: "ann",
  roles: "[]",
  action: "retry",
  instance_id: "order_1",
  subject: null,
  reason: null,
  attest: null,
  executed_externally: null,
  evidence: null,
  before: null,
  after: null,
  update_id: null,
  approvals: "[]",
  prev_hash: null,
}

function chainOf(...actors: string[]): ChainRow[] {
  let prev_hash = NO_HASH
  return actors.map((actor, at) => {
    const seq = at + 1
    const record = { ...EMPTY, seq: String(seq), actor, prev_hash }
    prev_hash = hashRow(record)
    return { seq, record, hash: prev_hash }
  })
}

function headOf(rows: readonly ChainRow[]): ChainHead {
  const last = rows.at(-1)
  return { seq: last?.seq ?? 0, hash: last?.hash ?? NO_HASH }
}

function findBreak(rows: readonly ChainRow[], head: ChainHead | undefined): ChainBreak | undefined {
  const check = createChainCheck()
  for (const row of rows) {
    const broken = check.take(row)
    if (broken) return broken
  }
  return check.end(head)
}

const whole = chainOf("ann", "bob", "carl", "dora")
const [first, second, third, fourth] = whole as [ChainRow, ChainRow, ChainRow, ChainRow]
const forge = (row: ChainRow, change: Partial<AuditRecord>): ChainRow => {
  const record = { ...row.record, ...change }
  return { ...row, record, hash: hashRow(record) }
}

describe("createChainCheck()", () => {
  test("finds nothing in a whole chain, nor in none", () => {
    expect(findBreak(whole, headOf(whole))).toBeUndefined()
    expect(findBreak([], undefined)).toBeUndefined()
  })

  test("finds a changed row, and says what was hashed and what its content makes", () => {
    const record = { ...second.record, actor: "eve" }
    expect(findBreak([first, { ...second, record }, third, fourth], headOf(whole))).toEqual({
      seq: 2,
      kind: "changed",
      expected: second.hash,
      came: hashRow(record),
    })
  })

  test("finds a row that was hashed anew by the row after it", () => {
    const forged = forge(second, { actor: "eve" })
    expect(findBreak([first, forged, third, fourth], headOf(whole))).toEqual({
      seq: 3,
      kind: "unlinked",
      expected: forged.hash,
      came: second.hash,
    })
  })

  test.each([
    ["the first", [second, third, fourth], 1],
    ["one in between", [first, second, fourth], 3],
  ])("finds that %s row is missing", (_name, rows, seq) => {
    expect(findBreak(rows, headOf(whole))).toMatchObject({ seq, kind: "missing" })
  })

  test("finds rows that changed places", () => {
    const rows = [first, { ...third, seq: 2 }, { ...second, seq: 3 }, fourth]
    const renumbered = rows.map((row) => ({ ...row, record: { ...row.record, seq: String(row.seq) } }))
    expect(findBreak(renumbered, headOf(whole))).toMatchObject({ seq: 2, kind: "changed" })
  })

  test("finds an end that was cut off, was added to, or was replaced", () => {
    expect(findBreak([first, second], headOf(whole))).toMatchObject({ seq: 3, kind: "cut" })
    expect(findBreak([], headOf(whole))).toMatchObject({ seq: 1, kind: "cut" })
    expect(findBreak(whole, headOf([first, second]))).toMatchObject({ seq: 3, kind: "cut" })
    expect(findBreak(whole, undefined)).toMatchObject({ seq: 1, kind: "cut" })
    const forged = [first, second, third, forge(fourth, { actor: "eve" })]
    expect(findBreak(forged, headOf(whole))).toMatchObject({ seq: 4, kind: "cut" })
  })
})
