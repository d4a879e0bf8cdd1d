import path from "node:path"
import type { Terminal } from "../cli/terminal.ts"
import { DEFAULT_HTTP_PORT, parseSettings } from "../config/env.ts"
import type { Environment, Settings } from "../config/env.ts"
import type { LocalContext } from "../local/context.ts"
import { createClient } from "../sdk/client.ts"
import { findRunning } from "./running.ts"

/** What every command is given. */
export interface AppContext {
  environment: Environment
  terminal: Terminal
  /** @throws ConfigError; `flags` are laid over the environment under the names of their twins. */
  settings: (flags?: Environment) => Settings
}

export function createAppContext(environment: Environment): AppContext {
  const settings = (flags: Environment = {}): Settings => parseSettings(environment, flags)
  return {
    environment,
    settings,
    terminal: {
      client: async () => {
        const { apiUrl, apiKey, httpHost, httpPort, stateDir } = settings()
        const running = apiUrl === undefined ? await findRunning(stateDir) : undefined
        const baseUrl = apiUrl ?? running?.api_url ?? `http://${httpHost}:${httpPort ?? DEFAULT_HTTP_PORT}`
        return createClient(apiKey === undefined ? { baseUrl } : { baseUrl, apiKey })
      },
      print: (result) => void process.stdout.write(`${result}\n`),
      say: (line) => void process.stderr.write(`${line}\n`),
      exit: (code) => void (process.exitCode = code),
    },
  }
}

export function toLocalContext({ environment, terminal }: AppContext, { stateDir }: Settings): LocalContext {
  return { environment, stateDir: path.resolve(stateDir), say: terminal.say }
}
