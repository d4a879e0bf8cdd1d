import type { Pool } from "pg"
import { inTransaction } from "../in-transaction.ts"
import { claimOnce, type Duplicate } from "./claim-once.ts"
import type { Once } from "./find-holder.ts"
import { insertTransaction, type NewTransaction } from "./insert-transaction.ts"
import type { Queryable } from "./queryable.ts"

export type InsertedOnce =
  | { kind: "inserted"; created_at: string }
  /** The tenant has a transaction of this `instance_id`. */
  | { kind: "taken" }
  | Duplicate

/**
 * Stores a transaction unless another one is in its way. Requests that come at once take turns. One that ended
 * otherwise than with success, for good, is in nobody's way.
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
  const { tenant, instance_id } = transaction
  // A repeat of what was accepted before is answered as that, whoever came since.
  const own = await db.query("select 1 from txn where tenant_id = $1 and instance_id = $2", [
    tenant,
    instance_id,
  ])
  if (own.rowCount !== 0) return { kind: "taken" }
  const duplicate = await claimOnce(db, transaction, once)
  if (duplicate !== undefined) return duplicate
  const inserted = await insertTransaction(db, transaction)
  return inserted === undefined ? { kind: "taken" } : { kind: "inserted", ...inserted }
}
