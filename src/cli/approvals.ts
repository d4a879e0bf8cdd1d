/** What waits for a second person, and her answer. */
import type { Command } from "commander"
import type { ListedApproval } from "../sdk/shapes.ts"
import { decideOnce, decisionIdOption, type OnceFlags } from "./decide-once.ts"
import { limitOption, readLimit } from "./limit-option.ts"
import { type OutputFormat, outputOption, printResult } from "./output-option.ts"
import { showDecided } from "./show-decided.ts"
import { formatTable } from "./table.ts"
import type { Terminal } from "./terminal.ts"

interface ListFlags {
  transaction?: string
  fromOthers?: true
  limit: string
  output: OutputFormat
}

interface VerdictFlags extends OnceFlags {
  reason: string
  output: OutputFormat
}

const VERDICTS = [
  { name: "approve", does: "let a decision happen that somebody else asked for" },
  { name: "reject", does: "refuse a decision that somebody asked for; nothing changes" },
] as const

export function addApprovalCommands(program: Command, terminal: Terminal): void {
  program
    .command("approvals")
    .description("decisions that wait for a second person, newest first")
    .option("--transaction <id>", "only about this one")
    .option("--from-others", "without those that your own key asked for")
    .addOption(limitOption())
    .addOption(outputOption())
    .addHelpText("after", "\nExample:\n  holdfast approvals --from-others\n")
    .action(async ({ transaction, fromOthers, limit, output }: ListFlags) => {
      const client = await terminal.client()
      const filter = { transaction, from_others: fromOthers, limit: readLimit(limit) }
      printResult(terminal, { output }, { value: await client.listApprovals(filter), show: showApprovals })
    })
  for (const { name, does } of VERDICTS)
    program
      .command(name)
      .description(does)
      .argument("<instance-id>", "the transaction's id")
      .argument("<request>", "the request's id, as approvals lists it")
      .requiredOption("--reason <text>", "recorded with your key's name")
      .addOption(decisionIdOption())
      .addOption(outputOption())
      .addHelpText(
        "after",
        `\nExample:\n  holdfast ${name} order-1 3f0c9a52 --reason "I read the statement too"\n`,
      )
      .action(async (instanceId: string, request: string, flags: VerdictFlags) => {
        const decision = { action: name, request, reason: flags.reason }
        const value = await decideOnce(terminal, flags, (client, once) =>
          client.decide(instanceId, decision, once),
        )
        printResult(terminal, flags, { value, show: showDecided })
      })
}

function showApprovals(list: ListedApproval[]): string {
  const rows = list.map((one) => [
    one.instance_id,
    one.id,
    one.action,
    one.task ?? "",
    one.attest ?? "",
    one.requester,
    one.expires_at,
    one.evidence === null ? "" : JSON.stringify(one.evidence),
    one.reason ?? "",
  ])
  return formatTable(
    ["TRANSACTION", "REQUEST", "ACTION", "TASK", "ATTEST", "ASKED BY", "UNTIL", "EVIDENCE", "WHY"],
    rows,
  )
}
