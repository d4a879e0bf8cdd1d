/** The places a setting may come from, each as one layer of texts by name. */
import { readFileSync } from "node:fs"
import { parse as parseToml, TomlError } from "smol-toml"
import { LineCounter, parseDocument } from "yaml"
import { toError } from "../contract/errors.ts"
import { findNearest } from "../contract/nearest.ts"
import { CONFIG_PATH, type SettingRow, SETTINGS, toFileKey } from "./settings-table.ts"

export type Environment = Readonly<Record<string, string | undefined>>

/** By the setting's name. `where` is how the person who wrote the value calls that place. */
export type Layer = Map<string, { text: string; where: string }>

const ROWS: readonly SettingRow[] = Object.values(SETTINGS)
const FILE_NAMES = ROWS.filter(({ secret }) => secret === true).map(({ name }) => `${name}_FILE`)
const NAMES = [...ROWS.map(({ name }) => name), ...FILE_NAMES]
/** Read by the tests and by continuous integration, not by us. */
const FOREIGN = ["HOLDFAST_REQUIRE_SERVERS", "HOLDFAST_SOAK"]

/** Flags of a command, by the names of their twins in the environment. */
export function readFlags(flags: Environment): Layer {
  const flagOf = new Map(ROWS.map(({ name, flag }) => [name, flag]))
  const layer: Layer = new Map()
  for (const [name, text] of Object.entries(flags))
    if (text !== undefined) layer.set(name, { text, where: flagOf.get(name) ?? name })
  return layer
}

/** `HTTP_PORT=` in a shell or a compose file means "not set". Variables of others are left alone. */
export function readVariables(environment: Environment, problems: string[]): Layer {
  const known = new Set([...NAMES, ...FOREIGN])
  const layer: Layer = new Map()
  for (const [name, text] of Object.entries(environment)) {
    if (known.has(name) && text !== undefined && text !== "") layer.set(name, { text, where: name })
    if (name.startsWith("HOLDFAST_") && !known.has(name)) problems.push(describeUnknown(name, name, NAMES))
  }
  return layer
}

/** TOML or YAML, by the file's ending: one line for each setting. */
export function readSettingsFile(file: string, problems: string[]): Layer {
  const layer: Layer = new Map()
  const nameOf = new Map(NAMES.map((name) => [toFileKey(name), name]))
  for (const [key, value] of Object.entries(parseSettingsFile(file, problems))) {
    const where = `${file}: ${key}`
    const name = nameOf.get(key)
    const text = toText(value)
    if (name === undefined) problems.push(describeUnknown(where, key, nameOf.keys()))
    else if (text === undefined) problems.push(`${where}: expected text, a number or a list of texts`)
    else layer.set(name, { text, where })
  }
  return layer
}

/** Puts in place of each `<NAME>_FILE` what that file holds. */
export function resolveSecretFiles(layer: Layer, problems: string[]): Layer {
  for (const fileName of FILE_NAMES) {
    const given = layer.get(fileName)
    if (given === undefined) continue
    const name = fileName.slice(0, -"_FILE".length)
    const twice = layer.get(name)
    if (twice !== undefined) problems.push(`${twice.where}: given twice, also as ${given.where}`)
    try {
      layer.set(name, { text: readFileSync(given.text, "utf8").trim(), where: given.where })
    } catch (thrown) {
      problems.push(`${given.where}: ${toError(thrown).message}`)
    }
  }
  return layer
}

function describeUnknown(where: string, name: string, known: Iterable<string>): string {
  const nearest = findNearest(name, known)
  return `${where}: no such setting; ${nearest === undefined ? "docs/settings.md lists them" : `did you mean ${nearest}?`}`
}

/** A message of a parser may quote a secret that stands beside the mistake, so only its place is told. */
function parseSettingsFile(file: string, problems: string[]): Record<string, unknown> {
  try {
    const text = readFileSync(file, "utf8")
    if (/\.toml$/i.test(file)) return parseToml(text)
    if (/\.ya?ml$/i.test(file)) return parseYaml(text, file, problems)
    problems.push(`${file}: expected a file that ends in .toml, .yaml or .yml (${CONFIG_PATH})`)
  } catch (thrown) {
    const why =
      thrown instanceof TomlError
        ? `no TOML at line ${thrown.line}, column ${thrown.column}`
        : `${toError(thrown).message} (${CONFIG_PATH})`
    problems.push(`${file}: ${why}`)
  }
  return {}
}

function parseYaml(text: string, file: string, problems: string[]): Record<string, unknown> {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { prettyErrors: false, lineCounter })
  for (const { code, pos } of document.errors) {
    const { line, col } = lineCounter.linePos(pos[0])
    problems.push(`${file}: no YAML at line ${line}, column ${col} (${code})`)
  }
  if (document.errors.length > 0) return {}
  const value: unknown = document.toJS()
  if (value === null) return {}
  // Neither null nor a list: an object of YAML has texts as keys.
  if (typeof value === "object" && !Array.isArray(value)) return value as Record<string, unknown>
  problems.push(`${file}: expected a line for each setting, such as http_port: 8080`)
  return {}
}

function toText(value: unknown): string | undefined {
  if (typeof value === "string") return value
  if (typeof value === "number") return String(value)
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value.join(",")
  return undefined
}
