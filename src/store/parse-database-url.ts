/**
 * The two ways to name a database: a URL, or libpq's keyword form (`host=... port=... user=...`), which `pg`
 * would read as a host name.
 */
import type { ClientConfig } from "pg"

type Setting = (config: ClientConfig, value: string) => void

const TIME_ZONE_IS_OURS: Setting = () => {}

const SETTINGS: Record<string, Setting> = {
  host: (config, value) => (config.host = value),
  hostaddr: (config, value) => (config.host = value),
  port: (config, value) => (config.port = parsePort(value)),
  user: (config, value) => (config.user = value),
  password: (config, value) => (config.password = value),
  dbname: (config, value) => (config.database = value),
  sslmode: (config, value) => (config.ssl = parseSslMode(value)),
  application_name: (config, value) => (config.application_name = value),
  connect_timeout: (config, value) => (config.connectionTimeoutMillis = Number(value) * 1000),
  options: (config, value) => (config.options = value),
  /** Go programs add it; every time column here is absolute. */
  timezone: TIME_ZONE_IS_OURS,
}

/**
 * @param text `postgres://user:password@host:5432/db?sslmode=require`, or `host=db port=5432 user=me dbname=x`
 *   with libpq's quoting (`password='it\'s'`).
 * @throws Error that names the bad part and never repeats a password.
 */
export function parseDatabaseUrl(text: string): ClientConfig {
  const trimmed = text.trim()
  if (/^postgres(ql)?:\/\//i.test(trimmed)) {
    assertUrl(trimmed)
    return { connectionString: trimmed }
  }
  if (/^[a-z_]+\s*=/i.test(trimmed)) return parseKeywords(trimmed)
  throw new Error(
    "a database is named by a URL (postgres://user@host:5432/name) or by keywords (host=... port=... user=... dbname=...)",
  )
}

function assertUrl(text: string): void {
  if (!URL.canParse(text))
    throw new Error(
      "the database URL cannot be read: expected postgres://user:password@host:5432/name; special characters in the password must be percent-encoded",
    )
}

function parseKeywords(text: string): ClientConfig {
  const config: ClientConfig = {}
  let at = 0
  while (at < text.length) {
    const found = /\s*([A-Za-z_]+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)*)(?=\s|$)\s*/y
    found.lastIndex = at
    const match = found.exec(text)
    if (!match?.[1])
      throw new Error(`the database keywords cannot be read from position ${at} on: expected name=value`)
    const [whole, name, raw = ""] = match
    const setting = SETTINGS[name.toLowerCase()]
    if (!setting) {
      throw new Error(`unknown database keyword "${name}": known are ${Object.keys(SETTINGS).join(", ")}`)
    }
    setting(config, unquote(raw))
    at += whole.length
  }
  return config
}

function unquote(raw: string): string {
  const inner = raw.startsWith("'") ? raw.slice(1, -1) : raw
  return inner.replaceAll(/\\(.)/gs, "$1")
}

function parsePort(value: string): number {
  const port = Number(value)
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port
  throw new Error(`the database port must be 1 to 65535, got "${value}"`)
}

/**
 * libpq's words, as strict as `pg` reads them in a URL: whoever asks for TLS gets a verified peer. `allow` and
 * `prefer` would try both ways, which `pg` cannot: they mean none.
 */
function parseSslMode(mode: string): boolean {
  switch (mode) {
    case "disable":
    case "allow":
    case "prefer":
      return false
    case "require":
    case "verify-ca":
    case "verify-full":
      return true
    default:
      throw new Error(
        `unknown sslmode "${mode}": known are disable, allow, prefer, require, verify-ca, verify-full`,
      )
  }
}
