import { createHash } from "node:crypto"
import type { Pool } from "pg"
import { LOCK_CLASS_ONCE } from "../advisory-locks.ts"
import { inTransaction } from "../in-transaction.ts"
import { findHolder, type Once } from "./find-holder.ts"
import { insertTransaction, type NewTransaction } from "./insert-transaction.ts"
import type { Queryable } from "./queryable.ts"

export type InsertedOnce =
  | { kind: "inserted"; created_at: string }
  /** The tenant has a transaction of this `instance_id`. */
  | { kind: "taken" }
  /** Another one has what this one may not have as well. */
  | { kind: "duplicate"; instance_id: string; in: Once }

/**
 * Stores a transaction unless another one is in its way. Requests that come at once take turns. One that ended
 * otherwise than with success, as the mirror has it, is in nobody's way.
 */
export function insertOnce(
  pool: Pool,
  transaction: NewTransaction,
  once: readonly Once[],
): Promise<InsertedOnce> {
  return inTransaction(pool, (db) => insertUnlessTaken(db, transaction, once))
}

async function insertUnlessTaken(
  db: Queryable,
  transaction: NewTransaction,
  once: readonly Once[],
): Promise<InsertedOnce> {
  const { tenant, flow_id, instance_id } = transaction
  // A repeat of what was accepted before is answered as that, whoever came since.
  const own = await db.query("select 1 from txn where tenant_id = $1 and instance_id = $2", [
    tenant,
    instance_id,
  ])
  if (own.rowCount !== 0) return { kind: "taken" }
  // In one order, or two requests would wait for each other.
  for (const column of once.toSorted()) {
    const value = transaction[column]
    const lock = createHash("sha256").update(JSON.stringify([tenant, flow_id, column, value]))
    await db.query("select pg_advisory_xact_lock($1, $2)", [LOCK_CLASS_ONCE, lock.digest().readInt32BE()])
    const holder = await findHolder(db, { tenant, flow_id, instance_id, in: column, value })
    if (holder !== undefined) return { kind: "duplicate", in: column, instance_id: holder }
  }
  const inserted = await insertTransaction(db, transaction)
  return inserted === undefined ? { kind: "taken" } : { kind: "inserted", ...inserted }
}
