import { z } from "zod"
import type { Queryable } from "./queryable.ts"

const Row = z.object({
  name: z.string(),
  version: z.string(),
  key_id: z.string(),
  wrapped_key: z.instanceof(Uint8Array),
  ciphertext: z.instanceof(Uint8Array),
})
export type SealedSecretRow = z.output<typeof Row>

/** All of a tenant's secrets as they are stored. For workers only: no route may answer with them. */
export async function listSealedSecrets(db: Queryable, tenant: string): Promise<SealedSecretRow[]> {
  const { rows } = await db.query(
    `select name, version::text as version, key_id, wrapped_key, ciphertext from secret where tenant_id = $1`,
    [tenant],
  )
  return z.array(Row).parse(rows)
}
