import { existsSync } from "node:fs"
import { fileURLToPath, pathToFileURL } from "node:url"

/** URL of a compiled module of `src`, for programs that a test starts with plain Node. */
export function getBuiltModule(module: string): string {
  const file = fileURLToPath(new URL(`../../dist/${module}.js`, import.meta.url))
  if (!existsSync(file)) throw new Error(`${file} is missing: run "npm run build" first`)
  return pathToFileURL(file).href
}
