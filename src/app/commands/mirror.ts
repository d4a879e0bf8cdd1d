import type { Command } from "commander"
import { EXIT } from "../../cli/exit-codes.ts"
import { type OutputFormat, outputOption, printResult } from "../../cli/output-option.ts"
import { formatTable } from "../../cli/table.ts"
import { DEFAULT_TENANT } from "../../contract/messages.ts"
import type { MirrorCheck } from "../../worker/mirror-check.ts"
import type { MirrorRebuild } from "../../worker/mirror-rebuild.ts"
import type { AppContext } from "../app-context.ts"

const SHOWN = 50

export function addMirrorCommand(program: Command, context: AppContext): void {
  const mirror = program.command("mirror").description("the copy of Temporal's state in Postgres")
  addCheck(mirror, context)
  addRebuild(mirror, context)
}

function addCheck(mirror: Command, context: AppContext): void {
  mirror
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

interface RebuildFlags {
  tenant?: string
  transaction?: string
  output: OutputFormat
}

const REBUILD_HELP = `
Replays every history that Temporal still has, without a worker, and writes the rows that differ or are missing.
What people and the API wrote, and the attempts, stay as they are. May run beside everything else.
Exit code 1 when one could not be rebuilt, 3 when nobody knows the transaction.
Example:
  holdfast mirror rebuild --transaction order_001
`

function addRebuild(mirror: Command, context: AppContext): void {
  mirror
    .command("rebuild")
    .description("derive the mirror's rows anew from Temporal's histories")
    .option("--tenant <tenant>", "only this one; of --transaction, default unless said")
    .option("--transaction <id>", "only this one")
    .addOption(outputOption())
    .addHelpText("after", REBUILD_HELP)
    .action(async (flags: RebuildFlags) => {
      const result = await rebuild(context, flags)
      const { terminal } = context
      printResult(terminal, flags, { value: result, show: showRebuild })
      if (result.failed.length > 0) terminal.exit(EXIT.failed)
      else if (flags.transaction !== undefined && total(result) === 0) terminal.exit(EXIT.notFound)
    })
}

async function rebuild(context: AppContext, { tenant, transaction }: RebuildFlags): Promise<MirrorRebuild> {
  const { withProject } = await import("../with-project.ts")
  const { createLogger } = await import("../logger.ts")
  const { rebuildMirror } = await import("../../worker/mirror-rebuild.ts")
  const logger = createLogger({ level: "warn", output: "stderr" })
  const only =
    transaction === undefined
      ? {}
      : { transaction: { tenant: tenant ?? DEFAULT_TENANT, transaction_id: transaction } }
  return withProject(context, (project) =>
    rebuildMirror({ ...project, logger, ...(tenant === undefined ? {} : { tenant }), ...only }),
  )
}

function total({ rebuilt, unchanged, expired, failed }: MirrorRebuild): number {
  return rebuilt + unchanged + expired + failed.length
}

function showRebuild(result: MirrorRebuild): string {
  const { rebuilt, unchanged, expired, failed } = result
  const summary = `${rebuilt} rebuilt, ${unchanged} unchanged, ${expired} expired in Temporal, ${failed.length} failed`
  if (failed.length === 0) return summary
  const rows = failed
    .slice(0, SHOWN)
    .map(({ tenant, transaction_id, reason }) => [tenant, transaction_id, reason])
  return `${formatTable(["TENANT", "TRANSACTION", "REASON"], rows)}\n${summary}`
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
