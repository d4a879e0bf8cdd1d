import { z } from "zod"
import { timestamp } from "./columns.ts"
import type { Queryable } from "./queryable.ts"

const Row = z.object({ id: z.string(), name: z.string(), revoked_at: timestamp, revoked_now: z.boolean() })

/** Keeps the moment of the first revocation; `revoked_now`: this is it. `undefined` when the tenant has no such key. */
export async function revokeApiKey(db: Queryable, { tenant, id }: { tenant: string; id: string }) {
  const { rows } = await db.query(
    `update api_key set revoked_at = coalesce(revoked_at, now())
     where tenant_id = $1 and id = $2
     returning id, name, revoked_at, revoked_at = now() as revoked_now`,
    [tenant, id],
  )
  return rows[0] === undefined ? undefined : Row.parse(rows[0])
}
