import type { Pool } from "pg"
import { LOCK_CLASS, LOCK_FIRST_KEY } from "../advisory-locks.ts"
import { countApiKeys } from "./count-api-keys.ts"
import { createApiKey, type NewApiKey } from "./create-api-key.ts"

/** Stores the key unless its tenant ever had one. However many processes start at once, one of them gets it. */
export async function createFirstApiKey(
  pool: Pool,
  key: NewApiKey,
): Promise<Awaited<ReturnType<typeof createApiKey>> | undefined> {
  const client = await pool.connect()
  try {
    await client.query("begin")
    await client.query("select pg_advisory_xact_lock($1, $2)", [LOCK_CLASS, LOCK_FIRST_KEY])
    const created = (await countApiKeys(client, key.tenant)) > 0 ? undefined : await createApiKey(client, key)
    await client.query("commit")
    return created
  } catch (thrown) {
    await client.query("rollback").catch(() => undefined)
    throw thrown
  } finally {
    client.release()
  }
}
