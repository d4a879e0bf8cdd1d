import path from "node:path"
import type { Client } from "@temporalio/client"
import type { Pool } from "pg"
import { UsageError } from "../cli/exit-codes.ts"
import { createPool } from "../store/pool.ts"
import type { AppContext } from "./app-context.ts"
import { connectTemporal } from "./connect-temporal.ts"
import { createLogger, installTemporalRuntime } from "./logger.ts"
import { findRunning } from "./running.ts"
import { findConfiguredTemporal } from "./servers.ts"
import { createStopList } from "./stop-list.ts"

/** Runs `work` on Postgres and Temporal as the environment names them, or as they run in this project. */
export async function withProject<T>(
  context: AppContext,
  work: (project: { pool: Pool; client: Client }) => Promise<T>,
): Promise<T> {
  const { databaseUrl, stateDir, apiUrl } = context.settings()
  const configured = findConfiguredTemporal(context.environment)
  const isGiven = databaseUrl !== undefined && configured !== undefined
  const running = isGiven ? undefined : await findRunning(path.resolve(stateDir), apiUrl)
  const url = databaseUrl ?? running?.database_url
  const temporal = configured ?? toTarget(running?.temporal)
  if (url === undefined || temporal === undefined)
    throw new UsageError(
      "nothing runs in this project: holdfast start, or set DATABASE_URL and TEMPORAL_ADDRESS",
    )
  installTemporalRuntime(createLogger({ level: "silent", output: "stderr" }))
  const stops = createStopList()
  try {
    const pool = createPool({ url, max: 8 })
    stops.add("the database pool", () => pool.end())
    const { connection, client } = await connectTemporal(temporal)
    stops.add("the connection to Temporal", () => connection.close())
    return await work({ pool, client })
  } finally {
    await stops.stop()
  }
}

function toTarget(
  temporal: { address: string; namespace: string } | undefined,
): ReturnType<typeof findConfiguredTemporal> {
  return temporal && { connection: { address: temporal.address }, namespace: temporal.namespace }
}
