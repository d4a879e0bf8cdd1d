import { type Command, Option } from "commander"
import { type OutputFormat, outputOption, printResult } from "../../cli/output-option.ts"
import { addKeyListCommands } from "../../cli/keys.ts"
import { UsageError } from "../../cli/exit-codes.ts"
import { RESERVED_ACTORS } from "../../contract/audit.ts"
import { DEFAULT_TENANT } from "../../contract/messages.ts"
import { ROLES } from "../../api/roles.ts"
import { SCOPES } from "../../api/scopes.ts"
import type { AppContext } from "../app-context.ts"
import { inTransaction } from "../../store/in-transaction.ts"
import { issueApiKey } from "../../store/issue-api-key.ts"
import { MAX_API_KEY_DAYS } from "../../store/queries/create-api-key.ts"

interface KeyFlags {
  name: string
  role?: string
  scopes?: string
  days: string
  output: OutputFormat
}

/** Who can do this has the database itself. */
const BY_COMMAND = { actor: "holdfast key create", roles: [], update_id: null }

export function addKeyCommand(program: Command, context: AppContext): void {
  const group = program.command("key").description("API keys")
  addKeyListCommands(group, context.terminal)
  group
    .command("create")
    .description("create an API key; it is shown this once")
    .requiredOption("--name <name>", "whom it is for; recorded with everything done with it")
    .addOption(new Option("--role <role>", "what it may do; default admin").choices(ROLES))
    .addOption(
      new Option("--scopes <list>", `instead of a role, comma-separated: ${SCOPES.join(", ")}`).conflicts(
        "role",
      ),
    )
    .option("--days <days>", `how long it lives, 1 to ${MAX_API_KEY_DAYS}`, "90")
    .addOption(outputOption())
    .addHelpText("after", "\nExample:\n  holdfast key create --name ci --role editor\n")
    .action(async (flags: KeyFlags) => {
      if (RESERVED_ACTORS.includes(flags.name))
        throw new UsageError(`--name: ${RESERVED_ACTORS.join(", ")} decide without a key`)
      const key = {
        tenant: DEFAULT_TENANT,
        name: flags.name,
        ...readRights(flags),
        days: readDays(flags.days),
      }
      const { withDatabase } = await import("../with-database.ts")
      const created = await withDatabase(context, (pool) =>
        inTransaction(pool, (db) => issueApiKey(db, key, BY_COMMAND)),
      )
      context.terminal.say(`"${created.name}" until ${created.expires_at}; keep it, it is not shown again:`)
      printResult(context.terminal, flags, { value: created, show: ({ key }) => key })
    })
}

function readRights({ role = "admin", scopes }: KeyFlags): { role?: string; scopes: string[] } {
  return scopes === undefined ? { role, scopes: [] } : { scopes: readScopes(scopes) }
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
