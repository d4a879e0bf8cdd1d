import { readFile } from "node:fs/promises"
import { parseDocument } from "yaml"
import { toError } from "../contract/errors.ts"
import { UsageError } from "./exit-codes.ts"

export interface FlowSource {
  name: string
  /** JSON text: of a JSON file as it stands there, every digit of it. */
  json: string
}

/** A flow in a JSON or YAML file. @throws UsageError when it is neither, or has no name. */
export async function readFlowSource(file: string): Promise<FlowSource> {
  const text = await readFile(file, "utf8").catch((thrown: unknown) => {
    throw new UsageError(`${file}: ${toError(thrown).message}`)
  })
  const json = /\.ya?ml$/i.test(file) ? toJson(file, text) : text
  return { name: findName(file, json), json }
}

function toJson(file: string, text: string): string {
  const document = parseDocument(text)
  const [error] = document.errors
  if (error !== undefined) throw new UsageError(`${file}: ${error.message}`)
  return JSON.stringify(document.toJS())
}

function findName(file: string, json: string): string {
  const flow = parse(file, json)
  // `Object` makes an object of anything, so that its fields can be asked for.
  const { definition } = Object(flow) as { definition?: unknown }
  const inner = typeof definition === "string" ? parse(file, definition) : definition
  const found = nameOf(flow) ?? nameOf(inner)
  if (typeof found === "string" && found !== "") return found
  throw new UsageError(`${file}: expected a flow with a name`)
}

function nameOf(value: unknown): unknown {
  // As above.
  return (Object(value) as { name?: unknown }).name
}

function parse(file: string, json: string): unknown {
  try {
    return JSON.parse(json)
  } catch (thrown) {
    throw new UsageError(
      `${file}: expected a flow as JSON, or as YAML in a .yaml file: ${toError(thrown).message}`,
    )
  }
}
