import type { Pool } from "pg"

/** What these writers may have lost was compared with Temporal. */
export async function forgetVanishedWriters(pool: Pool, until: Date): Promise<void> {
  // A date in JavaScript has no microseconds, the column has: one millisecond later is late enough.
  await pool.query({
    name: "forget_vanished_writers",
    text: "delete from mirror_writer where vanished_at < $1::timestamptz + interval '1 ms'",
    values: [until],
  })
}
