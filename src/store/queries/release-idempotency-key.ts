import type { Queryable } from "./queryable.ts"

/** Gives a key back after a request that changed nothing, so that the same one may be tried again. */
export async function releaseIdempotencyKey(
  db: Queryable,
  { tenant, key, claimedAt }: { tenant: string; key: string; claimedAt: string },
): Promise<void> {
  await db.query(
    `delete from idempotency
     where tenant_id = $1 and key = $2 and created_at = $3::timestamptz and status is null`,
    [tenant, key, claimedAt],
  )
}
