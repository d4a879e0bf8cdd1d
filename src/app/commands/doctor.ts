import type { Command } from "commander"
import { EXIT } from "../../cli/exit-codes.ts"
import { type OutputFormat, outputOption, printResult } from "../../cli/output-option.ts"
import { formatTable } from "../../cli/table.ts"
import type { AppContext } from "../app-context.ts"
import type { Finding } from "../doctor.ts"

export function addDoctorCommand(program: Command, context: AppContext): void {
  program
    .command("doctor")
    .description("look at Node, Postgres and Temporal, and say what to do")
    .option("--no-probe", "start no workflow in Temporal; its speed is not looked at then")
    .addOption(outputOption())
    .addHelpText("after", "\nExit code 1 when something is bad.\nExample:\n  holdfast doctor\n")
    .action(async (flags: { probe: boolean; output: OutputFormat }) => {
      const { examineProject } = await import("../examine-project.ts")
      const findings = await examineProject(context, flags.probe ? "on" : "off")
      printResult(context.terminal, flags, { value: findings, show })
      if (findings.some(({ verdict }) => verdict === "bad")) context.terminal.exit(EXIT.failed)
    })
}

function show(findings: Finding[]): string {
  const rows = findings.map(({ check, verdict, found }) => [check, verdict, found])
  const advice = findings.flatMap(({ check, advice: next }) =>
    next === undefined ? [] : [`${check}: ${next}`],
  )
  return [formatTable(["CHECK", "VERDICT", "FOUND"], rows), ...advice].join("\n")
}
