import type { Command } from "commander"
import { type OutputFormat, outputOption, printResult } from "../../cli/output-option.ts"
import { UsageError } from "../../cli/exit-codes.ts"
import { DEFAULT_TENANT } from "../../contract/messages.ts"
import { SCOPES } from "../../api/scopes.ts"
import type { AppContext } from "../app-context.ts"
import { createApiKey, MAX_API_KEY_DAYS } from "../../store/queries/create-api-key.ts"

interface KeyFlags {
  name: string
  scopes: string
  days: string
  output: OutputFormat
}

export function addKeyCommand(program: Command, context: AppContext): void {
  program
    .command("key")
    .description("API keys")
    .command("create")
    .description("create an API key; it is shown this once")
    .requiredOption("--name <name>", "whom it is for; recorded with everything done with it")
    .option("--scopes <list>", `comma-separated: ${SCOPES.join(", ")}`, "all")
    .option("--days <days>", `how long it lives, 1 to ${MAX_API_KEY_DAYS}`, "90")
    .addOption(outputOption())
    .addHelpText(
      "after",
      "\nExample:\n  holdfast key create --name ci --scopes flows:write,transactions:write\n",
    )
    .action(async (flags: KeyFlags) => {
      const key = {
        tenant: DEFAULT_TENANT,
        name: flags.name,
        scopes: readScopes(flags.scopes),
        days: readDays(flags.days),
      }
      const { withDatabase } = await import("../with-database.ts")
      const created = await withDatabase(context, (pool) => createApiKey(pool, key))
      context.terminal.say(`"${created.name}" until ${created.expires_at}; keep it, it is not shown again:`)
      printResult(context.terminal, flags, { value: created, show: ({ key }) => key })
    })
}

function readScopes(text: string): string[] {
  if (text === "all") return [...SCOPES]
  const scopes = text.split(",").map((scope) => scope.trim())
  const unknown = scopes.filter((scope) => !(SCOPES as readonly string[]).includes(scope))
  if (unknown.length > 0)
    throw new UsageError(`--scopes: there is no ${unknown.join(", ")}; there are ${SCOPES.join(", ")}`)
  return [...new Set(scopes)]
}

function readDays(text: string): number {
  const days = Number(text)
  if (Number.isInteger(days) && days >= 1 && days <= MAX_API_KEY_DAYS) return days
  throw new UsageError(`--days takes 1 to ${MAX_API_KEY_DAYS}, not "${text}"`)
}
