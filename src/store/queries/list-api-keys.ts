import { z } from "zod"
import { position, timestamp } from "./columns.ts"
import type { Queryable } from "./queryable.ts"
import type { Slice } from "./slice.ts"

const Row = z.object({
  id: z.string(),
  name: z.string(),
  scopes: z.array(z.string()),
  role: z.string().nullable(),
  created_at: timestamp,
  expires_at: timestamp,
  last_used_at: timestamp.nullable(),
  revoked_at: timestamp.nullable(),
  created_us: position,
})

/** A tenant's keys, newest first, the revoked and the expired ones too. */
export async function listApiKeys(db: Queryable, tenant: string, { limit, offset, after }: Slice) {
  const { rows } = await db.query(
    `select id, name, scopes, role, created_at, expires_at, last_used_at, revoked_at,
            (extract(epoch from created_at) * 1000000)::bigint::text as created_us
     from api_key
     where tenant_id = $1
       and ($2::bigint is null
            or created_at < timestamptz 'epoch' + $2::bigint * interval '1 microsecond'
            or (created_at = timestamptz 'epoch' + $2::bigint * interval '1 microsecond' and id > $3))
     order by created_at desc, id
     limit $4 offset $5`,
    [tenant, after?.at ?? null, after?.id ?? null, limit, offset],
  )
  return z.array(Row).parse(rows)
}
