/** Whatever `start` can refuse without a server, so that it is refused before one is started. */
import { isLoopback } from "../api/main.ts"
import { listSecretNames, loadConnections } from "../config/connections.ts"
import { DEFAULT_HTTP_PORT } from "../config/env.ts"
import type { Settings } from "../config/env.ts"
import { loadSecrets } from "../config/secrets.ts"
import type { Connection } from "../contract/connections.ts"
import { ROLES } from "../contract/roles.ts"
import { findListenProblem } from "../local/free-port.ts"
import { parseDatabaseUrl } from "../store/parse-database-url.ts"
import type { AppContext } from "./app-context.ts"
import { parseGiven } from "./master-keys.ts"
import { findConfiguredTemporal } from "./servers.ts"

export interface PreparedStart {
  connections: Connection[]
  secrets: Record<string, string>
  /** 0: the system picks one. */
  port: number
}

/** @throws for settings that contradict each other, a file that cannot be used, or a port that cannot be had. */
export async function prepareStart(
  { environment, terminal }: AppContext,
  { settings, mode }: { settings: Settings; mode: "local" | "server" },
): Promise<PreparedStart> {
  refuseOpenDoors(settings, mode)
  if (settings.databaseUrl !== undefined) parseDatabaseUrl(settings.databaseUrl)
  if (settings.masterKey !== undefined) parseGiven(settings.masterKey)
  const temporal = findConfiguredTemporal(environment)
  if (settings.roles.length < ROLES.length && (settings.databaseUrl === undefined || temporal === undefined))
    throw new Error(
      `a process with the roles ${settings.roles.join(", ")} alone needs the servers of the other roles: set DATABASE_URL and TEMPORAL_ADDRESS`,
    )
  const targets = await loadTargets(settings, terminal.say)
  return { ...targets, port: await choosePort(settings, terminal.say) }
}

function refuseOpenDoors({ httpHost, auth }: Settings, mode: "local" | "server"): void {
  if (isLoopback(httpHost)) return
  if (auth === "off")
    throw new Error(
      `the API does not listen on ${httpHost} without authentication: leave --auth off (HOLDFAST_AUTH) away and create an API key (holdfast key create), or listen on 127.0.0.1`,
    )
  if (mode === "local")
    throw new Error(`--local is for an API on loopback, not on ${httpHost}: leave one of the two away`)
}

async function loadTargets(
  { roles, connectionsFile, secretsFile }: Settings,
  say: (line: string) => void,
): Promise<Pick<PreparedStart, "connections" | "secrets">> {
  const isConnected = roles.includes("api") || roles.includes("task-worker")
  const connections =
    isConnected && connectionsFile !== undefined ? await loadConnections(connectionsFile) : []
  // Nobody else is given a secret, whatever the settings of all processes have in common.
  if (!roles.includes("task-worker")) return { connections, secrets: {} }
  const { secrets, warnings } =
    secretsFile === undefined ? { secrets: {}, warnings: [] } : await loadSecrets(secretsFile)
  const missing = listSecretNames(connections).filter((name) => !Object.hasOwn(secrets, name))
  if (missing.length > 0)
    warnings.push(
      `no secret named ${missing.join(", ")} in the file: tasks that need it park unless it is stored`,
    )
  for (const warning of warnings) say(`warning: ${warning}`)
  return { connections, secrets }
}

/** A port that was asked for is taken or refused; the default one gives way. */
async function choosePort({ httpHost, httpPort }: Settings, say: (line: string) => void): Promise<number> {
  const port = httpPort ?? DEFAULT_HTTP_PORT
  const problem = await findListenProblem(httpHost, port)
  if (problem === undefined) return port
  if (problem.code === "EADDRINUSE" && httpPort === undefined) {
    say(`port ${port} is taken, the API gets another one`)
    return 0
  }
  throw new Error(
    `the API cannot listen on ${httpHost}, port ${port}: ${problem.message}. Choose with --host and --port`,
    { cause: problem },
  )
}
