import { type Command, Option } from "commander"
import { AUDIT_ACTIONS } from "../contract/audit.ts"
import type { AuditAction } from "../contract/audit.ts"
import type { AuditEntry } from "../sdk/shapes.ts"
import { limitOption, readLimit } from "./limit-option.ts"
import { type OutputFormat, outputOption, printResult } from "./output-option.ts"
import { formatTable } from "./table.ts"
import type { Terminal } from "./terminal.ts"

interface AuditFlags {
  transaction?: string
  actor?: string
  action?: AuditAction
  since?: string
  until?: string
  limit: string
  output: OutputFormat
}

/** @param audit the command `audit`, which can also verify without an API. */
export function addAuditListCommand(audit: Command, terminal: Terminal): void {
  audit
    .command("list")
    .description("rows of the audit trail, newest first")
    .option("--transaction <id>", "only about this one")
    .option("--actor <name>", "only by this API key, or temporal")
    .addOption(
      new Option("--action <action>", "only such as retry or connection.replace").choices(AUDIT_ACTIONS),
    )
    .option("--since <time>", "from then on, such as 2026-07-01T00:00:00Z")
    .option("--until <time>", "before then")
    .addOption(limitOption())
    .addOption(outputOption())
    .addHelpText("after", "\nExample:\n  holdfast audit list --transaction order-1 -o json\n")
    .action(async ({ output, limit, ...filter }: AuditFlags) => {
      const client = await terminal.client()
      const value = await client.listAudit({ ...filter, limit: readLimit(limit) })
      printResult(terminal, { output }, { value, show })
    })
}

function show(list: AuditEntry[]): string {
  const rows = list.map((one) => [
    String(one.seq),
    one.at,
    one.roles.length === 0 ? one.actor : `${one.actor} (${one.roles.join(", ")})`,
    one.action,
    one.instance_id ?? "",
    one.subject ?? "",
    one.reason ?? "",
  ])
  return formatTable(["SEQ", "AT", "WHO", "ACTION", "TRANSACTION", "WHAT", "WHY"], rows)
}
