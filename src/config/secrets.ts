import { stat } from "node:fs/promises"
import { z } from "zod"
import { parseJson, readConfigFile } from "./connections.ts"
import { ConfigError, describeIssues } from "./problems.ts"

const secretsSchema = z.record(z.string(), z.string())

export interface LoadedSecrets {
  secrets: Record<string, string>
  /** Lines for the log; never with a value. */
  warnings: string[]
}

/**
 * Secrets by name from a JSON file, `{"shipping_key": "..."}`.
 * @throws ConfigError; no message repeats a value.
 */
export async function loadSecrets(file: string): Promise<LoadedSecrets> {
  const text = await readConfigFile(file)
  let json: unknown
  try {
    json = parseJson(text, file)
  } catch {
    // The parser's own message quotes the text around the mistake.
    throw new ConfigError(file, ["expected JSON, an object of names and values"])
  }
  const parsed = secretsSchema.safeParse(json)
  if (!parsed.success) throw new ConfigError(file, describeIssues(parsed.error))
  const { mode } = await stat(file)
  const isOpen = (mode & 0o077) !== 0
  return {
    secrets: parsed.data,
    warnings: isOpen ? [`${file} can be read by other users of this machine: chmod 600 ${file}`] : [],
  }
}
