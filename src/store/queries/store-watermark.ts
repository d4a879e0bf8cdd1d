import type { Pool } from "pg"

/** A scan has read Temporal's visibility up to here. Never goes back. */
export async function storeWatermark(pool: Pool, scan: string, seenUntil: Date): Promise<void> {
  await pool.query({
    name: "store_watermark",
    text: `
      insert into sweep_watermark as stored (scan, seen_until) values ($1, $2)
      on conflict (scan) do update set seen_until = greatest(stored.seen_until, excluded.seen_until)`,
    values: [scan, seenUntil],
  })
}
