/** A transaction that ended without success, done again. */
import type { Command } from "commander"
import { type OutputFormat, outputOption, printResult } from "./output-option.ts"
import { readParams } from "./read-value.ts"
import type { Terminal } from "./terminal.ts"

interface RedoFlags {
  id?: string
  params?: string
  output: OutputFormat
}

export function addRedoCommand(program: Command, terminal: Terminal): void {
  program
    .command("redo")
    .description("do a transaction again that ended without success, as a new one")
    .argument("<instance-id>", "the old transaction's id")
    .option("--id <instance-id>", "the new transaction's id; default the old one's with .redo1, .redo2, …")
    .option("--params <json>", "other parameters as JSON, or @file; default the old one's")
    .addOption(outputOption())
    .addHelpText("after", "\nExample:\n  holdfast redo order-1 --params @corrected.json\n")
    .action(async (instanceId: string, { id, params, output }: RedoFlags) => {
      const given = params === undefined ? undefined : await readParams(params)
      const client = await terminal.client()
      const value = await client.redoTransaction(instanceId, {
        ...(id !== undefined && { instance_id: id }),
        ...(given !== undefined && { params: given }),
      })
      printResult(terminal, { output }, { value, show })
    })
}

function show({ instance_id, status, redo_of }: { instance_id: string; status: string; redo_of: string }) {
  return `${instance_id}  ${status}, instead of ${redo_of}`
}
