import type { Command } from "commander"
import { EXIT } from "../../cli/exit-codes.ts"
import { type OutputFormat, outputOption, printResult } from "../../cli/output-option.ts"
import { formatTable } from "../../cli/table.ts"
import type { MirrorCheck } from "../../worker/mirror-check.ts"
import type { AppContext } from "../app-context.ts"

const SHOWN = 50

export function addMirrorCommand(program: Command, context: AppContext): void {
  program
    .command("mirror")
    .description("the copy of Temporal's state in Postgres")
    .command("check")
    .description("compare every transaction with Temporal, field by field; heals nothing")
    .option("--tenant <tenant>", "only this one")
    .addOption(outputOption())
    .addHelpText("after", "\nExit code 1 when there are differences.\nExample:\n  holdfast mirror check\n")
    .action(async (flags: { tenant?: string; output: OutputFormat }) => {
      const { withProject } = await import("../with-project.ts")
      const { checkMirror } = await import("../../worker/mirror-check.ts")
      const { tenant } = flags
      const result = await withProject(context, (project) =>
        checkMirror({ ...project, ...(tenant === undefined ? {} : { tenant }) }),
      )
      const { terminal } = context
      printResult(terminal, flags, { value: result, show })
      if (result.differences.length > 0) terminal.exit(EXIT.failed)
    })
}

function show({ checked, expired, differences }: MirrorCheck): string {
  const summary = `${checked} checked, ${differences.length} differences, ${expired} expired in Temporal`
  if (differences.length === 0) return summary
  const rows = differences
    .slice(0, SHOWN)
    .map((one) => [
      one.transaction_id,
      `${one.entity} ${one.key}`.trim(),
      one.field,
      JSON.stringify(one.mirror),
      JSON.stringify(one.temporal),
    ])
  return `${formatTable(["TRANSACTION", "ROW", "FIELD", "MIRROR", "TEMPORAL"], rows)}\n${summary}`
}
