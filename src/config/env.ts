/** The only reader of `process.env`. Everything below `src/app/main.ts` takes values. */
import { readFileSync } from "node:fs"
import { z } from "zod"
import { toError } from "../contract/errors.ts"
import { ConfigError, describeIssues } from "./problems.ts"

export type Environment = Readonly<Record<string, string | undefined>>

/** Where the API listens when nobody says. */
export const DEFAULT_HTTP_PORT = 8080

const port = z.coerce.number("expected a port number").int().min(0).max(65_535)
const SETTINGS = {
  HTTP_HOST: z.string().default("127.0.0.1"),
  HTTP_PORT: port.optional(),
  DATABASE_URL: z.string().optional(),
  HOLDFAST_CONNECTIONS: z.string().optional(),
  HOLDFAST_SECRETS: z.string().optional(),
  HOLDFAST_MASTER_KEY: z.string().optional(),
  HOLDFAST_AUTH: z.enum(["off", "keys"], 'expected "off" or "keys"').optional(),
  HOLDFAST_STATE_DIR: z.string().default(".holdfast"),
  LOG_LEVEL: z
    .enum(
      ["trace", "debug", "info", "warn", "error", "fatal", "silent"],
      "expected a level from trace to silent",
    )
    .default("info"),
  HOLDFAST_URL: z.url("expected a URL such as http://127.0.0.1:8080").optional(),
  HOLDFAST_API_KEY: z.string().optional(),
}
const settingsSchema = z.object(SETTINGS)

/** Names that may also be given as `<NAME>_FILE`: a file that holds the value. */
const SECRET_SETTINGS = ["DATABASE_URL", "HOLDFAST_API_KEY", "HOLDFAST_MASTER_KEY"] as const
/** Read by the tests and by continuous integration, not by us. */
const FOREIGN = ["HOLDFAST_REQUIRE_SERVERS", "HOLDFAST_SOAK"]

export interface Settings {
  httpHost: string
  /** Absent: `DEFAULT_HTTP_PORT`, or another one where that is taken. 0: a free one. */
  httpPort?: number
  /** A URL, or libpq's keyword form. Absent: a private Postgres is started. */
  databaseUrl?: string
  connectionsFile?: string
  secretsFile?: string
  /** Base64, the newest first. Absent: local mode makes one in the state directory. */
  masterKey?: string
  /** Absent: off in local mode, keys elsewhere. */
  auth?: "off" | "keys"
  stateDir: string
  logLevel: "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent"
  /** Where the CLI finds the API; absent: the host and port above. */
  apiUrl?: string
  apiKey?: string
}

export function readEnvironment(): Environment {
  return { ...process.env }
}

/**
 * Flags reach this as their environment twins, laid over the environment.
 * @throws ConfigError with every problem at once.
 */
export function parseSettings(environment: Environment): Settings {
  const problems: string[] = [...listUnknown(environment)]
  const given = readSecretFiles(dropEmpty(environment), problems)
  const parsed = settingsSchema.safeParse(given)
  if (!parsed.success) problems.push(...describeIssues(parsed.error))
  if (problems.length > 0 || !parsed.success) throw new ConfigError("the environment", problems)
  const values = parsed.data
  return {
    httpHost: values.HTTP_HOST,
    stateDir: values.HOLDFAST_STATE_DIR,
    logLevel: values.LOG_LEVEL,
    ...definedOnly({
      httpPort: values.HTTP_PORT,
      databaseUrl: values.DATABASE_URL,
      connectionsFile: values.HOLDFAST_CONNECTIONS,
      secretsFile: values.HOLDFAST_SECRETS,
      masterKey: values.HOLDFAST_MASTER_KEY,
      auth: values.HOLDFAST_AUTH,
      apiUrl: values.HOLDFAST_URL,
      apiKey: values.HOLDFAST_API_KEY,
    }),
  }
}

/** For `--print-config`: JSON in which nothing secret is left. */
export function printSettings(settings: Settings): string {
  const shown = { ...settings }
  if (shown.apiKey !== undefined) shown.apiKey = "***"
  if (shown.masterKey !== undefined) shown.masterKey = "***"
  if (shown.databaseUrl !== undefined) shown.databaseUrl = redactDatabase(shown.databaseUrl)
  return JSON.stringify(shown, null, 2)
}

/** `HTTP_PORT=` in a shell or a compose file means "not set". */
function dropEmpty(environment: Environment): Record<string, string> {
  const entries = Object.entries(environment)
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ""),
  )
}

function listUnknown(environment: Environment): string[] {
  const known = [...Object.keys(SETTINGS), ...SECRET_SETTINGS.map((name) => `${name}_FILE`), ...FOREIGN]
  const ours = known.filter((name) => name.startsWith("HOLDFAST_"))
  return Object.keys(environment)
    .filter((name) => name.startsWith("HOLDFAST_") && !ours.includes(name))
    .map((name) => `${name}: no such setting; there are ${ours.join(", ")}`)
}

function readSecretFiles(given: Record<string, string>, problems: string[]): Record<string, string> {
  const result = { ...given }
  for (const name of SECRET_SETTINGS) {
    const file = given[`${name}_FILE`]
    if (file === undefined) continue
    if (given[name] !== undefined) problems.push(`${name}: given twice, also as ${name}_FILE`)
    try {
      result[name] = readFileSync(file, "utf8").trim()
    } catch (thrown) {
      problems.push(`${name}_FILE: ${toError(thrown).message}`)
    }
  }
  return result
}

/** Both forms in which a database is named: a URL, and libpq's keywords. */
function redactDatabase(text: string): string {
  return text
    .replace(/^(\w+:\/\/[^/@]*?:).*@/, "$1***@")
    .replaceAll(/(password\s*=\s*)('(?:[^'\\]|\\.)*'|\S+)/gi, "$1***")
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

function definedOnly<T extends object>(values: T): Defined<T> {
  // Only entries whose value is not undefined are left, which is what Defined says.
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<T>
}
