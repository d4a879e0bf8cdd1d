import { accessSync, constants } from "node:fs"
import path from "node:path"

/**
 * A server program that `npm ci` does not bring, from PATH or the directories for system programs. When it is
 * missing it says so in one line and answers undefined, so that the suite can `describe.skipIf` itself; with
 * `HOLDFAST_REQUIRE_SERVERS=1` that is an error instead.
 */
export function findOptionalServer(program: string): string | undefined {
  const directories = [...(process.env.PATH ?? "").split(path.delimiter), "/usr/sbin", "/usr/local/sbin"]
  const found = directories.map((directory) => path.join(directory, program)).find(isExecutable)
  if (found !== undefined) return found
  const missing = `${program} is not installed`
  if (process.env.HOLDFAST_REQUIRE_SERVERS === "1")
    throw new Error(`${missing}: HOLDFAST_REQUIRE_SERVERS needs it`)
  process.stderr.write(`  ${missing}: its tests are skipped\n`)
  return undefined
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
