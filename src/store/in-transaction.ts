import type { Pool } from "pg"
import type { Queryable } from "./queries/queryable.ts"

/**
 * Runs `work` in one database transaction, on a connection of its own. What `work` throws undoes it. READ COMMITTED
 * whatever the database's default is, so that what is read after a lock is newer than the wait for it.
 */
export async function inTransaction<T>(pool: Pool, work: (db: Queryable) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  let isBroken = false
  try {
    await client.query("begin isolation level read committed")
    const result = await work(client)
    await client.query("commit")
    return result
  } catch (thrown) {
    await client.query("rollback").catch(() => (isBroken = true))
    throw thrown
  } finally {
    client.release(isBroken)
  }
}
