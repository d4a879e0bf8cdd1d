import { readFile } from "node:fs/promises"
import path from "node:path"
import type { Command } from "commander"
import { withDescriptorSet } from "../config/descriptor-set-file.ts"
import { toError } from "../contract/errors.ts"
import type { ConnectionView } from "../sdk/shapes.ts"
import { EXIT, UsageError } from "./exit-codes.ts"
import { type OutputFormat, outputOption, printResult } from "./output-option.ts"
import { formatTable } from "./table.ts"
import type { Terminal } from "./terminal.ts"

interface Flags {
  output: OutputFormat
}

export function addConnectionCommands(program: Command, terminal: Terminal): void {
  const connection = program.command("connection").description("downstream systems, by name")
  connection
    .command("list")
    .description("those of the tenant, also those of the file, at most 200")
    .addOption(outputOption())
    .action(async (flags: Flags) => {
      const client = await terminal.client()
      printResult(terminal, flags, { value: await client.listConnections(), show })
    })
  connection
    .command("apply")
    .description("store a connection, or change the one of that name")
    .argument("<file>", "its settings as JSON")
    .addOption(outputOption())
    .addHelpText(
      "after",
      "\nA gRPC connection may name a descriptor_set_file, relative to the file.\n\nExample:\n  holdfast connection apply shipping.json\n",
    )
    .action(async (file: string, flags: Flags) => {
      const settings = await readSettings(file)
      const client = await terminal.client()
      printResult(terminal, flags, { value: [await client.applyConnection(settings)], show })
    })
  connection
    .command("test")
    .description("dial it and log in, from where calls are made; nothing is called")
    .argument("<name>", "the connection's name")
    .addOption(outputOption())
    .action(async (name: string, flags: Flags) => {
      const client = await terminal.client()
      const value = await client.testConnection(name)
      printResult(terminal, flags, {
        value,
        show: ({ ok, code, message }) => (ok ? message : `${code}: ${message}`),
      })
      if (!value.ok) terminal.exit(EXIT.failed)
    })
  connection
    .command("delete")
    .description("calls that name it park from then on")
    .argument("<name>", "the connection's name")
    .action(async (name: string) => {
      await (await terminal.client()).deleteConnection(name)
      terminal.say(`connection ${name} is deleted`)
    })
}

async function readSettings(file: string): Promise<{ name: string; [field: string]: unknown }> {
  let settings: unknown
  try {
    settings = await withDescriptorSet(JSON.parse(await readFile(file, "utf8")), path.dirname(file))
  } catch (thrown) {
    throw new UsageError(`${file}: ${toError(thrown).message}`)
  }
  if (!isNamed(settings))
    throw new UsageError(`${file}: expected the settings of one connection, with its name`)
  return settings
}

/** The rest is the API's to judge. */
function isNamed(settings: unknown): settings is { name: string } {
  return (
    typeof settings === "object" &&
    settings !== null &&
    "name" in settings &&
    typeof settings.name === "string"
  )
}

function show(list: ConnectionView[]): string {
  const rows = list.map(({ name, kind, source, updated_by, updated_at }) => [
    name,
    kind,
    source,
    updated_by ?? "",
    updated_at ?? "",
  ])
  return formatTable(["NAME", "KIND", "FROM", "CHANGED BY", "CHANGED AT"], rows)
}
