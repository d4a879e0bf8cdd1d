import { readFile } from "node:fs/promises"
import { toError } from "../contract/errors.ts"
import { UsageError } from "./exit-codes.ts"

/** JSON on the command line, or `@file`. */
export async function readJson(flag: string, text: string): Promise<unknown> {
  try {
    return JSON.parse(text.startsWith("@") ? await readFile(text.slice(1), "utf8") : text)
  } catch (thrown) {
    throw new UsageError(`${flag} takes JSON or @file: ${toError(thrown).message}`)
  }
}

/** The same, of an object. */
export async function readParams(text: string): Promise<Record<string, unknown>> {
  const params = await readJson("--params", text)
  if (typeof params !== "object" || params === null || Array.isArray(params))
    throw new UsageError('--params takes a JSON object, such as {"order_id": "1"}')
  // The line above leaves only plain objects, whose keys are strings.
  return params as Record<string, unknown>
}

export function readId(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  throw new UsageError(`expected an exception's number, not "${text}": holdfast exceptions list`)
}
