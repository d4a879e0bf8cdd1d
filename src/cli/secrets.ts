import { text } from "node:stream/consumers"
import { readFile } from "node:fs/promises"
import type { Command } from "commander"
import { toError } from "../contract/errors.ts"
import type { SecretView } from "../sdk/shapes.ts"
import { UsageError } from "./exit-codes.ts"
import { type OutputFormat, outputOption, printResult } from "./output-option.ts"
import { formatTable } from "./table.ts"
import type { Terminal } from "./terminal.ts"

export function addSecretCommands(program: Command, terminal: Terminal): void {
  const secret = program.command("secret").description("secrets by name; nobody can read a value back")
  secret
    .command("list")
    .description("their names, at most 200")
    .addOption(outputOption())
    .action(async (flags: { output: OutputFormat }) => {
      const client = await terminal.client()
      printResult(terminal, flags, { value: await client.listSecrets(), show })
    })
  secret
    .command("set")
    .description("store a secret, or a new value for one")
    .argument("<name>", "its name, as connections say it")
    .option("--file <file>", "holds the value; otherwise it is read from stdin")
    .addHelpText("after", "\nExample:\n  openssl rand -hex 24 | holdfast secret set shipping_key\n")
    .action(async (name: string, { file }: { file?: string }) => {
      const value = await readValue(file)
      await (await terminal.client()).saveSecret(name, value)
      terminal.say(`secret ${name} is stored`)
    })
  secret
    .command("delete")
    .description("calls that need it park from then on")
    .argument("<name>", "the secret's name")
    .action(async (name: string) => {
      await (await terminal.client()).deleteSecret(name)
      terminal.say(`secret ${name} is deleted`)
    })
}

/** Never from the command line, which every user of the machine can read. One line break at the end is not part of it. */
async function readValue(file: string | undefined): Promise<string> {
  try {
    const value = file === undefined ? await text(process.stdin) : await readFile(file, "utf8")
    return value.replace(/\r?\n$/, "")
  } catch (thrown) {
    throw new UsageError(`the value cannot be read: ${toError(thrown).message}`)
  }
}

function show(list: SecretView[]): string {
  const rows = list.map(({ name, source, updated_by, updated_at }) => [
    name,
    source,
    updated_by ?? "",
    updated_at ?? "",
  ])
  return formatTable(["NAME", "FROM", "CHANGED BY", "CHANGED AT"], rows)
}
