import { Option } from "commander"
import type { Command } from "commander"
import { printSettings } from "../../config/env.ts"
import type { AppContext } from "../app-context.ts"
import { live } from "../lifetime.ts"

interface StartFlags {
  config?: string
  role?: string[]
  host?: string
  port?: string
  connections?: string
  secrets?: string
  auth?: string
  local?: true
  printConfig?: true
}

export function addStartCommand(program: Command, context: AppContext): void {
  program
    .command("start")
    .description("run Holdfast; starts a private Postgres and Temporal when none is given")
    .option("--config <file>", "settings, TOML or YAML (CONFIG_PATH)")
    .option(
      "--role <role>",
      "all, or some of api, flow-worker, task-worker, sweeper; may be repeated (HOLDFAST_ROLE, all)",
      (role: string, before: string[] | undefined) => [...(before ?? []), role],
    )
    .option("--host <address>", "where the API listens (HTTP_HOST, 127.0.0.1)")
    .option("--port <port>", "its port (HTTP_PORT, 8080)")
    .option("--connections <file>", "JSON list of downstream systems (HOLDFAST_CONNECTIONS)")
    .option("--secrets <file>", "JSON object of secrets by name (HOLDFAST_SECRETS)")
    .addOption(
      new Option("--auth <mode>", "off is for loopback only (HOLDFAST_AUTH)").choices(["off", "keys"]),
    )
    .option("--local", "local mode also with a given Postgres and Temporal")
    .option("--print-config", "print the settings without secrets, and stop")
    .addHelpText(
      "after",
      "\nExample:\n  holdfast start --connections connections.json --secrets secrets.json\n",
    )
    .action(async (flags: StartFlags) => {
      const settings = context.settings(toTwins(flags))
      if (flags.printConfig === true) {
        context.terminal.print(printSettings(settings))
        return
      }
      const mode = flags.local === true ? "local" : "server"
      await live(async (life) => {
        const { serve } = await import("../serve.ts")
        await serve(context, { settings, mode, ...life })
        return 0
      })
    })
}

/** Every flag has an environment twin. */
function toTwins(flags: StartFlags): Record<string, string | undefined> {
  const twins = {
    CONFIG_PATH: flags.config,
    HOLDFAST_ROLE: flags.role?.join(","),
    HTTP_HOST: flags.host,
    HTTP_PORT: flags.port,
    HOLDFAST_CONNECTIONS: flags.connections,
    HOLDFAST_SECRETS: flags.secrets,
    HOLDFAST_AUTH: flags.auth,
  }
  return Object.fromEntries(Object.entries(twins).filter(([, value]) => value !== undefined))
}
