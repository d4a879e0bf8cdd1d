/** What `holdfast start` does. */
import { isLoopback } from "../api/main.ts"
import { listSecretNames, loadConnections } from "../config/connections.ts"
import type { Settings } from "../config/env.ts"
import { loadSecrets } from "../config/secrets.ts"
import type { Connection } from "../contract/connections.ts"
import { findFreePort } from "../local/free-port.ts"
import { toLocalContext } from "./app-context.ts"
import type { AppContext } from "./app-context.ts"
import type { Life } from "./lifetime.ts"
import { createLogger, installTemporalRuntime } from "./logger.ts"
import { announce } from "./running.ts"
import { resolveServers } from "./servers.ts"
import { startHoldfast } from "./start.ts"

/** `local` asks for local mode also when both servers are given. */
export interface ServeOptions extends Life {
  settings: Settings
  mode: "local" | "server"
}

/** Serves until it is interrupted. @throws when a part does not start, or the worker dies. */
export async function serve(context: AppContext, options: ServeOptions): Promise<void> {
  const { settings, stops, interrupted } = options
  const { say } = context.terminal
  const { connections, secrets } = await loadTargets(settings, say)
  const local = toLocalContext(context, settings)
  const logger = createLogger({ level: settings.logLevel })
  installTemporalRuntime(logger)
  const servers = await resolveServers(settings, local, stops)
  const isLocal = isLoopback(settings.httpHost) && (servers.origin === "started" || options.mode === "local")
  const auth = { mode: settings.auth ?? (isLocal ? "off" : "keys") } as const
  const port = await choosePort(settings, context)
  const holdfast = await startHoldfast({
    databaseUrl: servers.databaseUrl,
    temporal: servers.temporal,
    http: { host: settings.httpHost, port },
    auth,
    connections,
    secrets,
    mode: isLocal ? "local" : "server",
    logger,
  })
  stops.add("Holdfast", holdfast.stop)
  const { connection, namespace, uiUrl } = servers.temporal
  const withdraw = await announce(local.stateDir, {
    api_url: holdfast.apiUrl,
    database_url: servers.databaseUrl,
    temporal: { address: connection.address, namespace },
  })
  stops.add("the announcement", withdraw)
  if (isLocal) say("local mode: tasks may call loopback addresses")
  if (auth.mode === "off") say("authentication is off, which only loopback allows")
  say(`API: ${holdfast.apiUrl}   docs: ${holdfast.apiUrl}/docs`)
  if (uiUrl !== undefined) say(`Temporal UI: ${uiUrl}`)
  say("Ctrl-C stops it")
  await Promise.race([interrupted, holdfast.ended])
}

async function loadTargets(
  settings: Settings,
  say: (line: string) => void,
): Promise<{ connections: Connection[]; secrets: Record<string, string> }> {
  const connections =
    settings.connectionsFile === undefined ? [] : await loadConnections(settings.connectionsFile)
  const { secrets, warnings } =
    settings.secretsFile === undefined
      ? { secrets: {}, warnings: [] }
      : await loadSecrets(settings.secretsFile)
  const missing = listSecretNames(connections).filter((name) => !Object.hasOwn(secrets, name))
  if (missing.length > 0) warnings.push(`no secret named ${missing.join(", ")}: tasks that need it will park`)
  for (const warning of warnings) say(`warning: ${warning}`)
  return { connections, secrets }
}

/** A port that was asked for is taken or refused; the default one gives way. */
async function choosePort(settings: Settings, { environment, terminal }: AppContext): Promise<number> {
  if (settings.httpPort !== 8080 || environment.HTTP_PORT !== undefined) return settings.httpPort
  const port = await findFreePort(settings.httpPort)
  if (port !== settings.httpPort) terminal.say(`port ${settings.httpPort} is taken, the API gets ${port}`)
  return port
}
