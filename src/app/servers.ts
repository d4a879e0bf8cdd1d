/** Which Postgres and which Temporal `start` uses, and the private ones it starts when there are none. */
import { loadClientConnectConfig } from "@temporalio/envconfig"
import type { NativeConnectionOptions } from "@temporalio/worker"
import type { Settings } from "../config/env.ts"
import type { LocalContext } from "../local/context.ts"
import { startPostgres } from "../local/postgres.ts"
import { findRunningTemporal, hasKeptTemporal, startTemporal } from "../local/temporal.ts"
import type { StopList } from "./stop-list.ts"

export interface TemporalTarget {
  connection: NativeConnectionOptions & { address: string }
  namespace: string
  uiUrl?: string
}

export interface Servers {
  databaseUrl: string
  temporal: TemporalTarget
  /** `started`: by us, so that this is local mode. */
  origin: "given" | "started"
}

export const DEFAULT_NAMESPACE = "default"
/** Not 7233: another project's `start` would find this server there, and run these transactions with its systems. */
const PRIVATE_PORT = 7243

/** A Temporal that variables or a profile name; `undefined` when they name none. @throws for a profile that is not there. */
export function findConfiguredTemporal(environment: LocalContext["environment"]): TemporalTarget | undefined {
  const overrides: Record<string, string> = {}
  for (const [name, value] of Object.entries(environment)) if (value !== undefined) overrides[name] = value
  const { connectionOptions, namespace } = loadClientConnectConfig({ overrideEnvVars: overrides })
  const { address } = connectionOptions
  if (address === undefined) return undefined
  return { connection: { ...connectionOptions, address }, namespace: namespace ?? DEFAULT_NAMESPACE }
}

/** Says each choice. What it starts keeps its state in the project and is added to `stops`. */
export async function resolveServers(
  settings: Settings,
  context: LocalContext,
  stops: StopList,
): Promise<Servers> {
  let origin: Servers["origin"] = "given"
  const findDatabase = async (): Promise<string> => {
    if (settings.databaseUrl !== undefined) {
      context.say("Postgres: the one DATABASE_URL names")
      return settings.databaseUrl
    }
    const postgres = await startPostgres({ ...context, state: "kept" })
    stops.add("Postgres", postgres.stop)
    origin = "started"
    context.say(`Postgres: started ${postgres.description} on port ${postgres.port}`)
    return postgres.url
  }
  const findTemporal = async (): Promise<TemporalTarget> => {
    const configured = findConfiguredTemporal(context.environment)
    if (configured !== undefined) {
      context.say(`Temporal: ${configured.connection.address}, as the environment or a profile says`)
      return configured
    }
    // The history of this project's transactions is where they began.
    const running = (await hasKeptTemporal(context.stateDir)) ? undefined : await findRunningTemporal()
    if (running !== undefined) {
      context.say(`Temporal: ${running}, which was running already`)
      return { connection: { address: running }, namespace: DEFAULT_NAMESPACE }
    }
    const temporal = await startTemporal({ ...context, state: "kept", ui: "on", preferredPort: PRIVATE_PORT })
    stops.add("Temporal", temporal.stop)
    origin = "started"
    context.say(`Temporal: started ${temporal.description} on ${temporal.address}`)
    return {
      connection: { address: temporal.address },
      namespace: DEFAULT_NAMESPACE,
      ...(temporal.uiUrl === undefined ? {} : { uiUrl: temporal.uiUrl }),
    }
  }
  const [databaseUrl, temporal] = await Promise.all([findDatabase(), findTemporal()])
  return { databaseUrl, temporal, origin }
}
