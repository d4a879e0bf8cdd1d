import { z } from "zod"
import { createApiKeyToken } from "../api-key-token.ts"
import { timestamp } from "./columns.ts"
import type { Queryable } from "./queryable.ts"

export const MAX_API_KEY_DAYS = 365

export interface NewApiKey {
  tenant: string
  /** Recorded as the actor of what is done with the key. */
  name: string
  scopes: readonly string[]
  /** Its scopes instead, those it has when the key is used. */
  role?: string | undefined
  /** 1 to 365. */
  days: number
}

const Row = z.object({ created_at: timestamp, expires_at: timestamp })

/**
 * Stores a new key and returns it: the only moment in which `key` exists in the clear.
 * @throws {RangeError} when `days` is not 1 to 365.
 */
export async function createApiKey(db: Queryable, { tenant, name, scopes, role, days }: NewApiKey) {
  if (!Number.isInteger(days) || days < 1 || days > MAX_API_KEY_DAYS) {
    throw new RangeError(`an API key lives 1 to ${MAX_API_KEY_DAYS} days, not ${days}`)
  }
  const { id, secretHash, token } = createApiKeyToken()
  const { rows } = await db.query(
    `insert into api_key (id, tenant_id, name, secret_hash, scopes, role, expires_at)
     values ($1, $2, $3, $4, $5, $6, now() + make_interval(days => $7))
     returning created_at, expires_at`,
    [id, tenant, name, secretHash, role === undefined ? scopes : [], role ?? null, days],
  )
  return { id, key: token, name, role: role ?? null, scopes: [...scopes], ...Row.parse(rows[0]) }
}
