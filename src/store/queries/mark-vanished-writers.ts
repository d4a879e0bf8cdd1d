import type { Pool } from "pg"
import { LOCK_CLASS_WRITER } from "../advisory-locks.ts"

/** Notes which mirror writers are gone: their row is there, their session's lock is not. @returns how many are new. */
export async function markVanishedWriters(pool: Pool): Promise<number> {
  const { rowCount } = await pool.query({
    name: "mark_vanished_writers",
    text: `
      update mirror_writer set vanished_at = clock_timestamp()
      where vanished_at is null and not exists (
        select from pg_locks
        where locktype = 'advisory' and granted and objsubid = 2
          and database = (select oid from pg_database where datname = current_database())
          and classid = $1::oid and objid = mirror_writer.id::oid
      )`,
    values: [LOCK_CLASS_WRITER],
  })
  return rowCount ?? 0
}
