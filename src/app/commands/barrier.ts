import { type Command, Option } from "commander"
import { UsageError } from "../../cli/exit-codes.ts"
import { type OutputFormat, outputOption, printResult } from "../../cli/output-option.ts"
import { CREATE_BARRIER_TABLE } from "../../barrier/tables.ts"
import { BARRIER_TABLE, type SqlDialect } from "../../contract/sql.ts"
import type { AppContext } from "../app-context.ts"

interface InstallFlags {
  connection?: string
  urlEnv?: string
  print?: true
  dialect?: SqlDialect
  output: OutputFormat
}

const HELP = `
Does nothing where the table is there. Whoever uses it needs select, insert and update on it.
Examples:
  holdfast barrier install --connection inventory
  holdfast barrier install --url-env PAYMENTS_DATABASE_URL
  holdfast barrier install --print --dialect postgres
`

export function addBarrierCommand(program: Command, context: AppContext): void {
  const barrier = program
    .command("barrier")
    .description("the table that makes calls to a database happen once")
  barrier
    .command("install")
    .description(`create the table ${BARRIER_TABLE} in a business database`)
    .addOption(
      new Option("--connection <name>", "of the default tenant, from the file or stored").conflicts([
        "urlEnv",
        "print",
      ]),
    )
    .addOption(
      new Option("--url-env <variable>", "that holds a URL, postgres://... or mysql://...").conflicts(
        "print",
      ),
    )
    .option("--print", "show the statement instead, for who may create tables")
    .addOption(new Option("--dialect <dialect>", "of --print").choices(Object.keys(CREATE_BARRIER_TABLE)))
    .addOption(outputOption())
    .addHelpText("after", HELP)
    .action(async (flags: InstallFlags) => {
      if (flags.print === true) {
        context.terminal.print(`${CREATE_BARRIER_TABLE[needDialect(flags)]};`)
        return
      }
      const { installAtConnection, installAtUrl } = await import("../barrier-install.ts")
      const result =
        flags.connection !== undefined
          ? await installAtConnection(context, flags.connection)
          : await installAtUrl(readUrl(context, flags.urlEnv))
      printResult(context.terminal, flags, {
        value: { table: BARRIER_TABLE, ...result },
        show: ({ database, installed }) =>
          installed === "created"
            ? `created ${BARRIER_TABLE} in ${database}`
            : `${BARRIER_TABLE} was in ${database} already; nothing was changed`,
      })
    })
}

function needDialect({ dialect }: InstallFlags): SqlDialect {
  if (dialect !== undefined) return dialect
  throw new UsageError(`--print needs --dialect: ${Object.keys(CREATE_BARRIER_TABLE).join(" or ")}`)
}

/** Never from the command line, which every user of the machine can read. */
function readUrl({ environment }: AppContext, variable: string | undefined): string {
  if (variable === undefined)
    throw new UsageError(
      "expected --connection NAME, --url-env VARIABLE, or --print --dialect postgres|mysql",
    )
  const url = environment[variable]
  if (url === undefined || url === "")
    throw new UsageError(
      `the environment variable ${variable} is not set: expected a URL, postgres://... or mysql://...`,
    )
  return url
}
