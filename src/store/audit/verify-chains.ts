/** Checks the chains of the audit trail against their own hashes, in one snapshot of the database. */
import type { Pool } from "pg"
import { inTransaction } from "../in-transaction.ts"
import { listAuditHeads } from "../queries/list-audit-heads.ts"
import { listChainRows } from "../queries/list-chain-rows.ts"
import type { Queryable } from "../queries/queryable.ts"
import { type ChainBreak, type ChainHead, createChainCheck } from "./check-chain.ts"
import { NO_HASH } from "./row-hash.ts"

export interface VerifiedChain {
  tenant: string
  /** Rows that were looked at, the broken one with them. */
  rows: number
  /** The last one that is in order. Noted elsewhere, it shows later that nobody wrote the whole chain anew. */
  head: ChainHead
  broken: ChainBreak | null
}

const PAGE = 1_000

/**
 * @param tenant all that have a row, unless said.
 * @throws the pool's errors.
 */
export function verifyChains(pool: Pool, tenant?: string): Promise<VerifiedChain[]> {
  return inTransaction(pool, async (db) => {
    // Rows that are added meanwhile are another day's.
    await db.query("set transaction isolation level repeatable read, read only")
    const heads = await listAuditHeads(db, tenant ?? null)
    const chains: VerifiedChain[] = []
    for (const one of heads) chains.push(await verifyChain(db, one))
    return chains
  })
}

async function verifyChain(
  db: Queryable,
  { tenant, head }: { tenant: string; head: ChainHead | undefined },
): Promise<VerifiedChain> {
  const check = createChainCheck()
  const chain: VerifiedChain = { tenant, rows: 0, head: { seq: 0, hash: NO_HASH }, broken: null }
  for (;;) {
    const page = await listChainRows(db, { tenant, after: chain.head.seq, limit: PAGE })
    for (const row of page) {
      chain.rows++
      chain.broken = check.take(row) ?? null
      if (chain.broken) return chain
      chain.head = { seq: row.seq, hash: row.hash }
    }
    if (page.length < PAGE) return { ...chain, broken: check.end(head) ?? null }
  }
}
