import type { Pool } from "pg"

/** When the last of the vanished writers was missed; undefined when all that they left was looked after. */
export async function findLastVanished(pool: Pool): Promise<Date | undefined> {
  const { rows } = await pool.query<{ vanished_at: Date | null }>({
    name: "find_last_vanished",
    text: "select max(vanished_at) as vanished_at from mirror_writer",
  })
  return rows[0]?.vanished_at ?? undefined
}
