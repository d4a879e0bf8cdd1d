import type { Command } from "commander"
import { addAuditListCommand } from "../../cli/audit.ts"
import { EXIT } from "../../cli/exit-codes.ts"
import { type OutputFormat, outputOption, printResult } from "../../cli/output-option.ts"
import { formatTable } from "../../cli/table.ts"
import type { VerifiedChain } from "../../store/audit/verify-chains.ts"
import type { AuditCheck } from "../../worker/audit-check.ts"
import type { AppContext } from "../app-context.ts"

const SHOWN = 50

export function addAuditCommand(program: Command, context: AppContext): void {
  const audit = program.command("audit").description("who decided and who changed what")
  addAuditListCommand(audit, context.terminal)
  addVerify(audit, context)
}

interface VerifyFlags {
  tenant?: string
  temporal?: boolean
  output: OutputFormat
}

interface Verified {
  chains: VerifiedChain[]
  /** Null unless it was asked for. */
  temporal: AuditCheck | null
}

const VERIFY_HELP = `
Works in the database, not through the API: the hash of every row is made anew. The hash of each chain's last row is
shown; keep it elsewhere, and see later that the row of that number still has it.
With --temporal each transaction's history is replayed, without a worker, and every decision must be on both sides;
what Temporal knows nothing of is listed as not checked.
Exit code 1 when anything is wrong.
Example:
  holdfast audit verify --temporal
`

function addVerify(audit: Command, context: AppContext): void {
  audit
    .command("verify")
    .description("check that no row was changed, taken away, moved or added by other hands")
    .option("--tenant <tenant>", "only this one")
    .option("--temporal", "also compare with the histories that Temporal still has")
    .addOption(outputOption())
    .addHelpText("after", VERIFY_HELP)
    .action(async (flags: VerifyFlags) => {
      const result = await verify(context, flags)
      const { terminal } = context
      printResult(terminal, flags, { value: result, show })
      if (isWrong(result)) terminal.exit(EXIT.failed)
    })
}

async function verify(context: AppContext, { tenant, temporal }: VerifyFlags): Promise<Verified> {
  const { verifyChains } = await import("../../store/audit/verify-chains.ts")
  if (temporal !== true) {
    const { withDatabase } = await import("../with-database.ts")
    return { chains: await withDatabase(context, (pool) => verifyChains(pool, tenant)), temporal: null }
  }
  const { withProject } = await import("../with-project.ts")
  const { checkAudit } = await import("../../worker/audit-check.ts")
  return withProject(context, async (project) => ({
    chains: await verifyChains(project.pool, tenant),
    temporal: await checkAudit({ ...project, ...(tenant === undefined ? {} : { tenant }) }),
  }))
}

function isWrong({ chains, temporal }: Verified): boolean {
  return (
    chains.some(({ broken }) => broken !== null) ||
    (temporal !== null && temporal.differences.length + temporal.failed.length > 0)
  )
}

function show({ chains, temporal }: Verified): string {
  const lines = chains.length === 0 ? ["no rows"] : chains.map(showChain)
  return [...lines, ...(temporal === null ? [] : showCheck(temporal))].join("\n")
}

function showChain({ tenant, rows, head, broken }: VerifiedChain): string {
  if (broken === null) return `${tenant}: ${rows} rows in order, the last one has hash ${head.hash}`
  const { seq, kind, expected, came } = broken
  return `${tenant}: broken at row ${seq}, ${WRONG[kind]}: expected ${expected}, came ${came}`
}

const WRONG = {
  missing: "which is missing",
  changed: "which says something else than what was hashed",
  unlinked: "which does not follow the row before it",
  cut: "where the chain does not end as it was left",
} as const

function showCheck({ checked, expired, differences, unchecked, failed }: AuditCheck): string[] {
  const uncheckedRows = unchecked.reduce((sum, { rows }) => sum + rows, 0)
  const summary = `${checked} transactions compared with Temporal, ${expired} of them expired there, ${differences.length} decisions differ, ${failed.length} failed, ${uncheckedRows} rows not checked`
  const rows = [
    ...differences.map(({ transaction_id, decision_id, kind, audit, temporal }) => [
      transaction_id,
      decision_id,
      kind,
      JSON.stringify(audit),
      JSON.stringify(temporal),
    ]),
    ...failed.map(({ transaction_id, reason }) => [transaction_id, "", "failed", "", reason]),
    ...unchecked.map((one) => [one.transaction_id, "", "not checked", `${one.rows} rows`, one.reason]),
  ].slice(0, SHOWN)
  if (rows.length === 0) return [summary]
  return [formatTable(["TRANSACTION", "DECISION", "WRONG", "AUDIT", "TEMPORAL"], rows), summary]
}
