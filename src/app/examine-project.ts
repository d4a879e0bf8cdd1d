import path from "node:path"
import type { AppContext } from "./app-context.ts"
import { type DoctorOptions, examine, type Finding } from "./doctor.ts"
import { createLogger, installTemporalRuntime } from "./logger.ts"
import { findRunning } from "./running.ts"
import { findConfiguredTemporal } from "./servers.ts"

/** Both servers as the environment names them, or as they run in this project. */
export async function examineProject(
  { environment, settings }: AppContext,
  probe: DoctorOptions["probe"],
): Promise<Finding[]> {
  const { databaseUrl, stateDir, apiUrl } = settings()
  const configured = findConfiguredTemporal(environment)
  const isGiven = databaseUrl !== undefined && configured !== undefined
  const running = isGiven ? undefined : await findRunning(path.resolve(stateDir), apiUrl)
  const found = running && {
    connection: { address: running.temporal.address },
    namespace: running.temporal.namespace,
  }
  installTemporalRuntime(createLogger({ level: "silent", output: "stderr" }))
  return examine({
    databaseUrl: databaseUrl ?? running?.database_url,
    temporal: configured ?? found,
    nodeVersion: process.version,
    probe,
  })
}
