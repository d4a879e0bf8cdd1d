/** Every setting there is, as data: what reads them, what prints them and docs/settings.md are made from it. */
import { z } from "zod"
import { TASK_QUEUE } from "../contract/messages.ts"
import { DEFAULT_FOUR_EYES, FOUR_EYES_ACTIONS } from "../contract/four-eyes.ts"
import {
  actionList,
  anyText,
  decimalNumber,
  duration,
  nameList,
  oneOf,
  rangeList,
  retention,
  roleList,
  wholeNumber,
} from "./value-schemas.ts"

export interface SettingRow {
  /** In the environment; in a settings file lower case, without `HOLDFAST_`. */
  name: string
  /** Of `holdfast start`. */
  flag?: string
  /** May also be given as `<NAME>_FILE`, a file that holds the value; never printed. */
  secret?: true
  default?: string
  /** What it means to have none, where there is no default. */
  absent?: string
  schema: z.ZodType<unknown, string>
  does: string
}

export const SETTINGS = {
  roles: {
    name: "HOLDFAST_ROLE",
    flag: "--role",
    default: "all",
    schema: roleList,
    does: "what this process does: `all`, or some of `api`, `flow-worker`, `task-worker`, `sweeper`",
  },
  httpHost: {
    name: "HTTP_HOST",
    flag: "--host",
    default: "127.0.0.1",
    schema: anyText,
    does: "where the API, or the health checks of a process without one, listens",
  },
  httpPort: {
    name: "HTTP_PORT",
    flag: "--port",
    absent: "8080, or another one where that is taken",
    schema: wholeNumber("a port number", { min: 0, max: 65_535 }),
    does: "its port; 0 takes a free one",
  },
  auth: {
    name: "HOLDFAST_AUTH",
    flag: "--auth",
    absent: "`off` in local mode, `keys` elsewhere",
    schema: oneOf(["off", "keys"]),
    does: "`keys` asks callers for an API key; `off` is for loopback only",
  },
  fourEyes: {
    name: "HOLDFAST_FOUR_EYES",
    absent: `\`off\` in local mode, \`${DEFAULT_FOUR_EYES.join(",")}\` elsewhere`,
    schema: actionList,
    does: `decisions that wait until a second person approves them ([approvals](approvals.md)): \`off\`, or some of ${FOUR_EYES_ACTIONS.map((action) => `\`${action}\``).join(", ")}; read by \`api\``,
  },
  databaseUrl: {
    name: "DATABASE_URL",
    secret: true,
    absent: "a private Postgres is started",
    schema: anyText,
    does: "`postgres://user:password@host:5432/name`, or `host=... port=... user=... password=... dbname=...`",
  },
  databasePoolSize: {
    name: "DATABASE_POOL_SIZE",
    default: "10",
    schema: wholeNumber("a number of connections", { min: 2, max: 1_000 }),
    does: "most connections of a pool; a process has one pool for requests, one for large outputs and one for everything else",
  },
  databaseIdleMs: {
    name: "DATABASE_IDLE_TIMEOUT",
    default: "10s",
    schema: duration({ minMs: 0 }),
    does: "how long an unused connection is kept; 0s keeps it",
  },
  databaseLifetimeMs: {
    name: "DATABASE_MAX_LIFETIME",
    default: "30m",
    schema: duration({ minMs: 0 }),
    does: "age at which a connection is replaced, in whole seconds; 0s never",
  },
  retention: {
    name: "HOLDFAST_RETENTION",
    default: "off",
    schema: retention,
    does: "how long an ended transaction is kept in Postgres, such as `90d`; `off` keeps all. Later its `instance_id` may be used again: the same request is answered with the old run while Temporal keeps that",
  },
  eventRetention: {
    name: "HOLDFAST_EVENT_RETENTION",
    default: "30d",
    schema: retention,
    does: "how long the events of transactions can be read again, at least: they are dropped by whole months; `off` keeps all",
  },
  queueNames: {
    name: "QUEUE_NAMES",
    default: TASK_QUEUE,
    schema: nameList,
    does: "Temporal task queues whose calls a task-worker takes; calls of flows are on `holdfast`",
  },
  workerConcurrency: {
    name: "WORKER_CONCURRENCY",
    default: "2000",
    schema: wholeNumber("a number of calls", { min: 1, max: 100_000 }),
    does: "most calls that a task-worker has under way at once, for each queue",
  },
  maxCachedWorkflows: {
    name: "WORKER_MAX_CACHED_WORKFLOWS",
    absent: "a quarter of the heap, at 150 KiB for each",
    schema: wholeNumber("a number of transactions", { min: 0, max: 1_000_000 }),
    does: "open transactions that a flow-worker keeps in memory; the others are read again from Temporal when something happens to them. Fewer where each of many holds hundreds of kilobytes of params and outputs",
  },
  retryMaxAttempts: {
    name: "RETRY_MAX_ATTEMPTS",
    default: "5",
    schema: wholeNumber("a number of attempts", { min: 1, max: 1_000 }),
    does: "attempts of a task that does not say; written into a flow's plan when it is published",
  },
  retryIntervalMs: {
    name: "RETRY_INTERVAL",
    default: "1s",
    schema: duration({ minMs: 1 }),
    does: "pause before its first retry",
  },
  retryBackoff: {
    name: "RETRY_BACKOFF",
    default: "2",
    schema: decimalNumber("a factor", { min: 1, max: 100 }),
    does: "by how much each further pause is longer",
  },
  retryMaxIntervalMs: {
    name: "RETRY_MAX_INTERVAL",
    default: "60s",
    schema: duration({ minMs: 1 }),
    does: "longest pause between two attempts",
  },
  connectionsFile: {
    name: "HOLDFAST_CONNECTIONS",
    flag: "--connections",
    absent: "no connections",
    schema: anyText,
    does: "JSON list of downstream systems; read by `api` (to check flows) and `task-worker`",
  },
  secretsFile: {
    name: "HOLDFAST_SECRETS",
    flag: "--secrets",
    absent: "no secrets",
    schema: anyText,
    does: "JSON object of secrets by name; read by `task-worker` alone",
  },
  allowedRanges: {
    name: "HOLDFAST_ALLOWED_RANGES",
    absent: "public addresses only; loopback in local mode",
    schema: rangeList,
    does: "private address ranges that calls may reach, such as `10.20.0.0/16,fd12::/48`: as small as your systems are, and without Holdfast's own servers; the same for `api` and `task-worker`",
  },
  masterKey: {
    name: "HOLDFAST_MASTER_KEY",
    secret: true,
    absent: "local mode makes one in the state directory; elsewhere no secret can be stored",
    schema: anyText,
    does: "32 bytes in base64, under which stored secrets are encrypted; several, the newest first, by commas; for `api` and `task-worker`",
  },
  stateDir: {
    name: "HOLDFAST_STATE_DIR",
    default: ".holdfast",
    schema: anyText,
    does: "where private servers keep their state, and a running process its address",
  },
  logLevel: {
    name: "LOG_LEVEL",
    default: "info",
    schema: oneOf(["trace", "debug", "info", "warn", "error", "fatal", "silent"]),
    does: "the least that is logged: `trace`, `debug`, `info`, `warn`, `error`, `fatal` or `silent`",
  },
  logFormat: {
    name: "LOG_FORMAT",
    default: "json",
    schema: oneOf(["json", "text"]),
    does: "`json`, a line for each event, or `text` for people",
  },
  logOutput: {
    name: "LOG_OUTPUT",
    default: "stdout",
    schema: anyText,
    does: "`stdout`, `stderr`, or a file that lines are added to",
  },
  apiUrl: {
    name: "HOLDFAST_URL",
    absent: "what runs in this project, else host and port above",
    schema: z.url("expected a URL such as http://127.0.0.1:8080"),
    does: "where the commands find the API",
  },
  apiKey: {
    name: "HOLDFAST_API_KEY",
    secret: true,
    absent: "none is sent",
    schema: anyText,
    does: "the key that the commands send",
  },
} as const satisfies Record<string, SettingRow>

type Table = typeof SETTINGS
type Value<Key extends keyof Table> = z.output<Table[Key]["schema"]>

/** The values of all settings. */
export type Settings = {
  [Key in keyof Table as Table[Key] extends { default: string } ? Key : never]: Value<Key>
} & {
  [Key in keyof Table as Table[Key] extends { default: string } ? never : Key]?: Value<Key>
}

/** Where the settings file is: a flag or a variable, a file cannot say where it is. */
export const CONFIG_PATH = "CONFIG_PATH"

/** Of a setting, or of its `_FILE` form, in a settings file. */
export function toFileKey(name: string): string {
  return name.replace(/^HOLDFAST_/, "").toLowerCase()
}
