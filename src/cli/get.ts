import type { Command } from "commander"
import { outputOption } from "./output-option.ts"
import { showTransaction } from "./show-transaction.ts"
import type { Terminal } from "./terminal.ts"

export function addGetCommand(program: Command, terminal: Terminal): void {
  program
    .command("get")
    .description("show a transaction and its tasks")
    .argument("<instance-id>", "the transaction's id")
    .addOption(outputOption())
    .addHelpText("after", "\nExample:\n  holdfast get order-1 -o json\n")
    .action(async (instanceId: string, flags: { output: "table" | "json" }) => {
      const client = await terminal.client()
      const transaction = await client.getTransaction(instanceId)
      terminal.print(flags.output === "json" ? JSON.stringify(transaction) : showTransaction(transaction))
    })
}
