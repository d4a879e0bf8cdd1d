import { z } from "zod"
import type { Queryable } from "./queryable.ts"

const Row = z.object({
  tenant_id: z.string(),
  name: z.string(),
  secret_hash: z.instanceof(Uint8Array),
  scopes: z.array(z.string()),
  role: z.string().nullable(),
})
export type ApiKeyRow = z.output<typeof Row>

/** A key that is neither revoked nor expired, by the public part of its token. */
export async function findApiKey(db: Queryable, id: string): Promise<ApiKeyRow | undefined> {
  const { rows } = await db.query(
    `select tenant_id, name, secret_hash, scopes, role
     from api_key
     where id = $1 and revoked_at is null and expires_at > now()`,
    [id],
  )
  return rows[0] === undefined ? undefined : Row.parse(rows[0])
}
