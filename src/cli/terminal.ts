import type { HoldfastClient } from "../sdk/client.ts"
import type { ExitCode } from "./exit-codes.ts"

/** What commands do to the outside. Results go to stdout, everything else to stderr. */
export interface Terminal {
  /** The API that the settings name, or that runs in this project. */
  client: () => Promise<HoldfastClient>
  print: (result: string) => void
  say: (line: string) => void
  exit: (code: ExitCode) => void
}
