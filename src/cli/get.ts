import type { Command } from "commander"
import { type OutputFormat, outputOption, printResult } from "./output-option.ts"
import { showTransaction } from "./show-transaction.ts"
import type { Terminal } from "./terminal.ts"

export function addGetCommand(program: Command, terminal: Terminal): void {
  program
    .command("get")
    .description("show a transaction and its tasks")
    .argument("<instance-id>", "the transaction's id")
    .addOption(outputOption())
    .addHelpText("after", "\nExample:\n  holdfast get order-1 -o json\n")
    .action(async (instanceId: string, flags: { output: OutputFormat }) => {
      const client = await terminal.client()
      const transaction = await client.getTransaction(instanceId)
      printResult(terminal, flags, { value: transaction, show: showTransaction })
    })
}
