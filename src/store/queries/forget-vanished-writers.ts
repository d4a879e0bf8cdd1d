import type { Pool } from "pg"

/**
 * What these writers may have lost was compared with Temporal. Not while transactions of their last minute are not
 * known to be started, for a minute at most: a run that started eagerly may have been lost with its first rows.
 */
export async function forgetVanishedWriters(pool: Pool, until: Date): Promise<void> {
  // A date in JavaScript has no microseconds, the column has: one millisecond later is late enough.
  await pool.query({
    name: "forget_vanished_writers",
    text: `
      delete from mirror_writer where vanished_at < $1::timestamptz + interval '1 ms' and not exists (
        select from txn
        where dispatched_at is null and now() < vanished_at + interval '1 minute'
          and created_at between vanished_at - interval '1 minute' and vanished_at
      )`,
    values: [until],
  })
}
