import { setTimeout as sleep } from "node:timers/promises"
import type { Pool } from "pg"
import type { Role } from "../contract/roles.ts"
import type { Logger } from "../store/logger.ts"
import { findDueMigrations, migrate } from "../store/migrate.ts"

const PATIENCE_MS = 60_000
const PAUSE_MS = 500

/**
 * The API brings the schema up to date, the others wait for it: their database users need not own the schema.
 * @throws when it has not come within a minute.
 */
export async function prepareSchema(pool: Pool, roles: readonly Role[], logger: Logger): Promise<void> {
  if (roles.includes("api")) {
    await migrate(pool)
    return
  }
  const deadline = Date.now() + PATIENCE_MS
  for (let due = await findDueMigrations(pool); due.length > 0; due = await findDueMigrations(pool)) {
    if (Date.now() >= deadline)
      throw new Error(
        `its schema lacks ${due.join(", ")}: a process with the role api brings them, start one of this version first`,
      )
    logger.info({ missing: due }, "waiting for the API to bring the schema up to date")
    await sleep(PAUSE_MS)
  }
}
