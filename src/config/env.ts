/** The only reader of `process.env`. Everything below `src/app/main.ts` takes values. */
import {
  type Environment,
  type Layer,
  readFlags,
  readSettingsFile,
  readVariables,
  resolveSecretFiles,
} from "./layers.ts"
import { ConfigError } from "./problems.ts"
import { CONFIG_PATH, type SettingRow, type Settings, SETTINGS } from "./settings-table.ts"

export type { Environment } from "./layers.ts"
export type { Settings } from "./settings-table.ts"

/** Where the API listens when nobody says. */
export const DEFAULT_HTTP_PORT = 8080

export function readEnvironment(): Environment {
  return { ...process.env }
}

/**
 * Flags come before the environment, that before the settings file, that before the defaults.
 * @param flags by the names of their twins in the environment.
 * @throws ConfigError with every problem at once.
 */
export function parseSettings(environment: Environment, flags: Environment = {}): Settings {
  const problems: string[] = []
  const file = flags[CONFIG_PATH] ?? environment[CONFIG_PATH]
  const layers = [
    readFlags(flags),
    readVariables(environment, problems),
    file === undefined || file === "" ? new Map() : readSettingsFile(file, problems),
  ].map((layer: Layer) => resolveSecretFiles(layer, problems))
  const values: Record<string, unknown> = {}
  for (const [key, row] of rows()) {
    const given = layers.map((layer) => layer.get(row.name)).find((found) => found !== undefined)
    const text = given?.text ?? row.default
    if (text === undefined) continue
    const parsed = row.schema.safeParse(text)
    if (parsed.success) values[key] = parsed.data
    else problems.push(`${given?.where ?? row.name}: ${describe(row, text, parsed.error.issues)}`)
  }
  // Each value is what its row's schema gave, and each row with a default has one.
  const settings = values as Settings
  if (problems.length === 0) problems.push(...findContradictions(settings))
  if (problems.length > 0) throw new ConfigError("the settings", problems)
  return settings
}

/** For `--print-config`: JSON in which nothing secret is left. */
export function printSettings(settings: Settings): string {
  const shown: Record<string, unknown> = { ...settings }
  for (const [key, row] of rows()) if (row.secret === true && key in shown) shown[key] = "***"
  if (settings.databaseUrl !== undefined) shown.databaseUrl = redactDatabase(settings.databaseUrl)
  return JSON.stringify(shown, null, 2)
}

function rows(): [string, SettingRow][] {
  return Object.entries(SETTINGS)
}

function describe(row: SettingRow, text: string, issues: readonly { message: string }[]): string {
  const expected = issues.map(({ message }) => message).join("; ")
  return row.secret === true ? expected : `${expected}; got ${JSON.stringify(text)}`
}

function findContradictions({ retryIntervalMs, retryMaxIntervalMs }: Settings): string[] {
  if (retryMaxIntervalMs >= retryIntervalMs) return []
  return [
    `${SETTINGS.retryMaxIntervalMs.name}: ${retryMaxIntervalMs} ms is shorter than ${SETTINGS.retryIntervalMs.name}, ${retryIntervalMs} ms`,
  ]
}

/** Both forms in which a database is named: a URL, and libpq's keywords. */
function redactDatabase(text: string): string {
  return text
    .replace(/^(\w+:\/\/[^/@]*?:).*@/, "$1***@")
    .replaceAll(/(password\s*=\s*)('(?:[^'\\]|\\.)*'|\S+)/gi, "$1***")
}
