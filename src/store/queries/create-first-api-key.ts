import type { Pool } from "pg"
import { LOCK_CLASS, LOCK_FIRST_KEY } from "../advisory-locks.ts"
import { inTransaction } from "../in-transaction.ts"
import { issueApiKey } from "../issue-api-key.ts"
import { countApiKeys } from "./count-api-keys.ts"
import type { NewApiKey } from "./create-api-key.ts"

/** Stores the key unless its tenant ever had one. However many processes start at once, one of them gets it. */
export function createFirstApiKey(
  pool: Pool,
  key: NewApiKey,
): Promise<Awaited<ReturnType<typeof issueApiKey>> | undefined> {
  return inTransaction(pool, async (db) => {
    await db.query("select pg_advisory_xact_lock($1, $2)", [LOCK_CLASS, LOCK_FIRST_KEY])
    if ((await countApiKeys(db, key.tenant)) > 0) return undefined
    return issueApiKey(db, key, { actor: "holdfast start", roles: [], update_id: null })
  })
}
