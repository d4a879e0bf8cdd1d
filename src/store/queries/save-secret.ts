import { z } from "zod"
import { sealSecret } from "../secrets/envelope.ts"
import type { MasterKeys } from "../secrets/master-keys.ts"
import { timestamp } from "./columns.ts"
import type { Queryable } from "./queryable.ts"

export interface NewSecret {
  tenant: string
  name: string
  value: string
  actor: string
}

const Row = z.object({
  name: z.string(),
  version: z.string(),
  key_id: z.string(),
  created_at: timestamp,
  updated_at: timestamp,
  updated_by: z.string(),
  created: z.boolean(),
})

/** Stores a secret or replaces it. The value reaches Postgres encrypted only. */
export async function saveSecret(db: Queryable, keys: MasterKeys, { tenant, name, value, actor }: NewSecret) {
  // The version is part of what the ciphertext is bound to, so it must be known before.
  const next = await db.query("select nextval('setting_version')::text as version")
  const { version } = z.object({ version: z.string() }).parse(next.rows[0])
  const sealed = sealSecret(keys, { tenant, name, version }, value)
  const { rows } = await db.query(
    `insert into secret (tenant_id, name, version, key_id, wrapped_key, ciphertext, updated_by)
     values ($1, $2, $3, $4, $5, $6, $7)
     on conflict (tenant_id, name) do update
     set version = excluded.version, key_id = excluded.key_id, wrapped_key = excluded.wrapped_key,
         ciphertext = excluded.ciphertext, updated_at = now(), updated_by = excluded.updated_by
     returning name, version::text as version, key_id, created_at, updated_at, updated_by, xmax = 0 as created`,
    [tenant, name, version, sealed.key_id, sealed.wrapped_key, sealed.ciphertext, actor],
  )
  return Row.parse(rows[0])
}
