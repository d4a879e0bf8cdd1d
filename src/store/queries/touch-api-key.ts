import type { Queryable } from "./queryable.ts"

/** Notes that a key was used, to the minute: one write a minute at most. */
export async function touchApiKey(db: Queryable, id: string): Promise<void> {
  await db.query(
    `update api_key set last_used_at = now()
     where id = $1 and (last_used_at is null or last_used_at < now() - interval '1 minute')`,
    [id],
  )
}
