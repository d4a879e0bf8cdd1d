import { z } from "zod"
import type { Queryable } from "./queryable.ts"

export interface IdempotencyClaim {
  tenant: string
  key: string
  requestHash: string
}

const Row = z.object({ claimed_at: z.string() })

/**
 * Takes a key for a request that is about to be carried out. `undefined` when it is taken already. A claim whose
 * holder gave no answer for 60 seconds (longer than any request takes) is up for taking, and so is an answer
 * older than 7 days.
 */
export async function claimIdempotencyKey(
  db: Queryable,
  claim: IdempotencyClaim,
): Promise<string | undefined> {
  const { rows } = await db.query(
    `insert into idempotency as held (tenant_id, key, request_hash)
     values ($1, $2, $3)
     on conflict (tenant_id, key) do update
       set request_hash = excluded.request_hash, status = null, body = null, headers = null, created_at = now()
       where (held.status is null and held.created_at < now() - interval '60 seconds')
          or held.created_at < now() - interval '7 days'
     returning created_at::text as claimed_at`,
    [claim.tenant, claim.key, claim.requestHash],
  )
  return rows[0] === undefined ? undefined : Row.parse(rows[0]).claimed_at
}
