import { type Command, Option } from "commander"
import { TRANSACTION_STATUSES } from "../contract/statuses.ts"
import type { TransactionStatus } from "../contract/statuses.ts"
import type { TransactionSummary } from "../sdk/shapes.ts"
import { limitOption, readLimit } from "./limit-option.ts"
import { type OutputFormat, outputOption, printResult } from "./output-option.ts"
import { formatTable } from "./table.ts"
import type { Terminal } from "./terminal.ts"

interface ListFlags {
  status?: TransactionStatus
  flow?: string
  businessKey?: string
  limit: string
  output: OutputFormat
}

export function addListCommand(program: Command, terminal: Terminal): void {
  program
    .command("list")
    .description("transactions, newest first")
    .addOption(new Option("--status <status>", "only of this status").choices(TRANSACTION_STATUSES))
    .option("--flow <flow>", "only of this flow, by name or id")
    .option("--business-key <key>", "only with this business key")
    .addOption(limitOption())
    .addOption(outputOption())
    .addHelpText("after", "\nExample:\n  holdfast list --status blocked --flow order\n")
    .action(async (flags: ListFlags) => {
      const filter = {
        status: flags.status,
        flow_id: flags.flow,
        business_key: flags.businessKey,
        page_size: readLimit(flags.limit),
      }
      const client = await terminal.client()
      printResult(terminal, flags, { value: await client.listTransactions(filter), show })
    })
}

function show(transactions: TransactionSummary[]): string {
  const rows = transactions.map((one) => [
    one.instance_id,
    `${one.flow_name} v${one.flow_version}`,
    one.status,
    one.open_exceptions === 0 ? "" : String(one.open_exceptions),
    one.business_key ?? "",
    one.created_at,
  ])
  return formatTable(["TRANSACTION", "FLOW", "STATUS", "OPEN", "BUSINESS KEY", "CREATED"], rows)
}
