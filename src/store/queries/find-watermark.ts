import type { Pool } from "pg"

/** How far a scan has read Temporal's visibility; undefined before the first one. */
export async function findWatermark(pool: Pool, scan: string): Promise<Date | undefined> {
  const { rows } = await pool.query<{ seen_until: Date }>(
    "select seen_until from sweep_watermark where scan = $1",
    [scan],
  )
  return rows[0]?.seen_until
}
