import type { Pool } from "pg"
import { UsageError } from "../cli/exit-codes.ts"
import { startPostgres } from "../local/postgres.ts"
import { migrate } from "../store/migrate.ts"
import { createPool } from "../store/pool.ts"
import { toLocalContext } from "./app-context.ts"
import type { AppContext } from "./app-context.ts"
import { findRunning } from "./running.ts"
import { createStopList } from "./stop-list.ts"

/**
 * Runs `work` on the database that `start` would use: the one DATABASE_URL names, the one that runs in this
 * project, or the project's own, started for the moment.
 */
export async function withDatabase<T>(context: AppContext, work: (pool: Pool) => Promise<T>): Promise<T> {
  const settings = context.settings()
  const local = toLocalContext(context, settings)
  const stops = createStopList()
  try {
    let url = settings.databaseUrl ?? (await findRunning(local.stateDir, settings.apiUrl))?.database_url
    if (url === undefined && settings.apiUrl !== undefined)
      throw new UsageError(
        `this works in the database, and ${settings.apiUrl} (HOLDFAST_URL) does not run in this project: set DATABASE_URL to its database`,
      )
    if (url === undefined) {
      const postgres = await startPostgres({ ...local, state: "kept" })
      stops.add("Postgres", postgres.stop)
      url = postgres.url
    }
    const pool = createPool({ url, max: 2 })
    stops.add("the database pool", () => pool.end())
    await migrate(pool)
    return await work(pool)
  } finally {
    await stops.stop()
  }
}
