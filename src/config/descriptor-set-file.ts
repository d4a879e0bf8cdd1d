import { readFile } from "node:fs/promises"
import path from "node:path"
import { toError } from "../contract/errors.ts"
import { ConfigError } from "./problems.ts"

/**
 * A connection's settings with the file that `descriptor_set_file` names, relative to `directory`, as their
 * `descriptor_set`. What is no settings with such a field stays as it is. @throws ConfigError
 */
export async function withDescriptorSet(settings: unknown, directory: string): Promise<unknown> {
  if (typeof settings !== "object" || settings === null || !("descriptor_set_file" in settings))
    return settings
  const { descriptor_set_file: name, ...rest } = settings
  if (typeof name !== "string" || name === "")
    throw new ConfigError("descriptor_set_file", [`expected the path of a file, not ${JSON.stringify(name)}`])
  if ("descriptor_set" in rest)
    throw new ConfigError(name, ["a connection has a descriptor_set or a descriptor_set_file, not both"])
  const file = path.resolve(directory, name)
  try {
    return { ...rest, descriptor_set: await readFile(file, "base64") }
  } catch (thrown) {
    throw new ConfigError(file, [toError(thrown).message])
  }
}
