import type { Pool } from "pg"
import { LOCK_CLASS_RESUME } from "../advisory-locks.ts"
import type { Queryable } from "../queries/queryable.ts"

/**
 * Does `work` in one database transaction, while nobody else starts another run of this workflow id. Transactions
 * whose ids share a hash only wait for each other.
 */
export async function underLock<T>(
  pool: Pool,
  workflowId: string,
  work: (db: Queryable) => Promise<T>,
): Promise<T> {
  const db = await pool.connect()
  try {
    // Whatever the database's default is: what is read after a lock must be newer than the wait for it.
    await db.query("begin isolation level read committed")
    await db.query("select pg_advisory_xact_lock($1, hashtext($2))", [LOCK_CLASS_RESUME, workflowId])
    const result = await work(db)
    await db.query("commit")
    db.release()
    return result
  } catch (thrown) {
    // Whatever state the connection is in: the lock ends with it.
    db.release(true)
    throw thrown
  }
}
