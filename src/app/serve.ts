/** What `holdfast start` does. */
import { createMask } from "../masking/mask.ts"
import { isLoopback } from "../api/main.ts"
import { DEFAULT_FOUR_EYES } from "../contract/four-eyes.ts"
import type { Settings } from "../config/env.ts"
import { toLocalContext } from "./app-context.ts"
import type { AppContext } from "./app-context.ts"
import type { Life } from "./lifetime.ts"
import { createLogger, installTemporalRuntime } from "./logger.ts"
import { resolveMasterKeys, warnOfForeignKeys } from "./master-keys.ts"
import { prepareStart } from "./prepare-start.ts"
import { announce } from "./running.ts"
import { resolveServers } from "./servers.ts"
import { startHoldfast } from "./start.ts"
import type { Holdfast, HoldfastOptions } from "./start.ts"

/** `local` asks for local mode also when both servers are given. */
export interface ServeOptions extends Life {
  settings: Settings
  mode: "local" | "server"
}

/** Serves until it is interrupted. @throws when a part does not start, or the worker dies. */
export async function serve(context: AppContext, options: ServeOptions): Promise<void> {
  const { settings, stops, interrupted } = options
  const { say } = context.terminal
  const { connections, secrets, port } = await prepareStart(context, options)
  const local = toLocalContext(context, settings)
  const mask = createMask()
  const logger = createLogger({
    level: settings.logLevel,
    format: settings.logFormat,
    output: settings.logOutput,
    mask: mask.text,
  })
  installTemporalRuntime(logger)
  const servers = await resolveServers(settings, local, stops)
  const isLocal = isLoopback(settings.httpHost) && (servers.origin === "started" || options.mode === "local")
  const mode = isLocal ? "local" : "server"
  // The other roles neither store nor read secrets, and are given no key.
  const usesSecrets = settings.roles.some((role) => role === "api" || role === "task-worker")
  const masterKeys = usesSecrets
    ? await resolveMasterKeys({ settings, stateDir: local.stateDir, mode, say })
    : undefined
  const auth = { mode: settings.auth ?? (isLocal ? "off" : "keys") } as const
  const holdfast = await startHoldfast({
    databaseUrl: servers.databaseUrl,
    temporal: servers.temporal,
    http: { host: settings.httpHost, port },
    auth,
    fourEyes: settings.fourEyes ?? (isLocal ? [] : DEFAULT_FOUR_EYES),
    ...toTuning(settings),
    connections,
    secrets,
    masterKeys,
    mask,
    mode,
    logger,
  })
  stops.add("Holdfast", holdfast.stop)
  if (usesSecrets) await warnOfForeignKeys(servers.databaseUrl, masterKeys, say)
  const { connection, namespace, uiUrl } = servers.temporal
  if (isLocal) say("local mode: tasks may call loopback addresses")
  if (settings.roles.includes("api")) {
    const withdraw = await announce({
      stateDir: local.stateDir,
      say,
      facts: {
        api_url: holdfast.apiUrl,
        database_url: servers.databaseUrl,
        temporal: { address: connection.address, namespace },
      },
    })
    stops.add("the announcement", withdraw)
    describeApi(holdfast, { auth, say })
  } else {
    say(`${settings.roles.join(", ")}: health at ${holdfast.apiUrl}/readyz`)
  }
  if (uiUrl !== undefined) say(`Temporal UI: ${uiUrl}`)
  say("Ctrl-C stops it")
  await Promise.race([interrupted, holdfast.ended])
}

interface Saying {
  auth: { mode: "off" | "keys" }
  say: (line: string) => void
}

function describeApi({ apiUrl, firstKey }: Holdfast, { auth, say }: Saying): void {
  if (auth.mode === "off") say("authentication is off, which only loopback allows")
  if (firstKey !== undefined)
    say(`first start: the key of "admin", for 90 days; keep it, it is not shown again: ${firstKey}`)
  say(`API: ${apiUrl}   docs: ${apiUrl}/docs`)
}

function toTuning(
  settings: Settings,
): Pick<
  HoldfastOptions,
  | "roles"
  | "queueNames"
  | "allowedRanges"
  | "workerConcurrency"
  | "maxCachedWorkflows"
  | "pool"
  | "retryDefaults"
  | "retentionMs"
  | "eventRetentionMs"
> {
  return {
    roles: settings.roles,
    queueNames: settings.queueNames,
    allowedRanges: settings.allowedRanges,
    workerConcurrency: settings.workerConcurrency,
    maxCachedWorkflows: settings.maxCachedWorkflows,
    retentionMs: settings.retention === "off" ? undefined : settings.retention,
    eventRetentionMs: settings.eventRetention === "off" ? undefined : settings.eventRetention,
    pool: {
      max: settings.databasePoolSize,
      idleMs: settings.databaseIdleMs,
      lifetimeMs: settings.databaseLifetimeMs,
    },
    retryDefaults: {
      max_attempts: settings.retryMaxAttempts,
      interval_ms: settings.retryIntervalMs,
      backoff: settings.retryBackoff,
      max_interval_ms: settings.retryMaxIntervalMs,
    },
  }
}
