import { readFileSync } from "node:fs"
import { z } from "zod"

/** Of this package, from src and from dist alike. */
export const VERSION: string = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"))).version
