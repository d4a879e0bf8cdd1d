import type { Command } from "commander"
import type { Exception } from "../sdk/shapes.ts"
import { type OutputFormat, outputOption, printResult } from "./output-option.ts"
import { readId } from "./read-value.ts"
import { formatTable } from "./table.ts"
import type { Terminal } from "./terminal.ts"

interface ListFlags {
  transaction?: string
  flow?: string
  all?: true
  output: OutputFormat
}

export function addExceptionsCommands(program: Command, terminal: Terminal): void {
  const exceptions = program.command("exceptions").description("what needs a person")
  exceptions
    .command("list")
    .description("those that nobody has handled, newest first, at most 200")
    .option("--transaction <instance-id>", "only of this transaction")
    .option("--flow <flow>", "only of this flow, by name or id")
    .option("--all", "the handled ones too")
    .addOption(outputOption())
    .addHelpText("after", "\nExample:\n  holdfast exceptions list --flow order\n")
    .action(async ({ transaction, flow, all, output }: ListFlags) => {
      const filter = { instance_id: transaction, flow_id: flow, handled: all === true ? undefined : false }
      const client = await terminal.client()
      printResult(terminal, { output }, { value: await client.listExceptions(filter), show })
    })
  exceptions
    .command("handle")
    .description("record that somebody took care; the transaction does not move")
    .argument("<id>", "the exception's number")
    .option("--remark <text>", "what was done")
    .addHelpText("after", '\nExample:\n  holdfast exceptions handle 7 --remark "refunded by hand"\n')
    .action(async (id: string, { remark }: { remark?: string }) => {
      const number = readId(id)
      await (await terminal.client()).handleException(number, remark)
      terminal.say(`exception ${number} is handled`)
    })
  exceptions
    .command("retry")
    .description("run the task again that the exception stopped")
    .argument("<id>", "the exception's number")
    .option("--reason <text>", "recorded with your key's name")
    .addHelpText("after", "\nExample:\n  holdfast exceptions retry 7\n")
    .action(async (id: string, { reason }: { reason?: string }) => {
      const number = readId(id)
      await (await terminal.client()).retryException(number, reason)
      terminal.say(`exception ${number}: its task runs again`)
    })
}

function show(list: Exception[]): string {
  const rows = list.map((one) => [
    String(one.id),
    one.instance_id,
    one.task ?? "",
    one.error_code,
    one.outcome,
    one.retry_safe ? "yes" : "no",
    one.state,
    one.error_message,
  ])
  return formatTable(["ID", "TRANSACTION", "TASK", "CODE", "OUTCOME", "RETRY SAFE", "STATE", "WHY"], rows)
}
