/** Decisions that rest on what a person found out or did elsewhere, and the question that saves her from it. */
import type { Command } from "commander"
import type { DecisionRequest } from "../sdk/shapes.ts"
import { decideOnce, decisionIdOption, expectedVersionOption, type OnceFlags } from "./decide-once.ts"
import { type OutputFormat, outputOption, printResult } from "./output-option.ts"
import { showDecided } from "./show-decided.ts"
import type { Terminal } from "./terminal.ts"

interface EvidenceDecision {
  name: string
  action: "probe" | "retry_unsafe" | "mark_compensated" | "waive_compensation" | "force_close"
  does: string
  /** About one task; else about the whole transaction. */
  task: boolean
  evidence: boolean
  example: string
}

const DECISIONS: readonly EvidenceDecision[] = [
  {
    name: "probe",
    action: "probe",
    does: "ask a task's target what became of the call, as its flow says",
    task: true,
    evidence: false,
    example: 'probe order-1 pay --reason "the bank is back"',
  },
  {
    name: "retry-unsafe",
    action: "retry_unsafe",
    does: "call again what might have happened, because you know that it has not",
    task: true,
    evidence: true,
    example: 'retry-unsafe order-1 pay --evidence "statement of 3 May" --reason "the bank never got it"',
  },
  {
    name: "mark-compensated",
    action: "mark_compensated",
    does: "say that a task was undone by hand",
    task: true,
    evidence: true,
    example: 'mark-compensated order-1 pay --evidence "refund R-7" --reason "refunded at the counter"',
  },
  {
    name: "waive-compensation",
    action: "waive_compensation",
    does: "let the effect of a task be that cannot be undone",
    task: true,
    evidence: true,
    example: 'waive-compensation order-1 mail --evidence "ticket 81" --reason "the mail is out"',
  },
  {
    name: "force-close",
    action: "force_close",
    does: "end a transaction as it stands, with whatever it leaves behind; needs an admin's key",
    task: false,
    evidence: true,
    example: 'force-close order-1 --evidence "ticket 81" --reason "settled with the customer"',
  },
]

interface Flags extends OnceFlags {
  reason: string
  evidence?: string
  expectedVersion?: number
  output: OutputFormat
}

export function addEvidenceDecisions(program: Command, terminal: Terminal): void {
  for (const { name, action, does, task, evidence, example } of DECISIONS) {
    const command = program
      .command(name)
      .description(does)
      .argument("<instance-id>", "the transaction's id")
      .requiredOption("--reason <text>", "recorded with your key's name")
    if (task) command.argument("<task>", "its path, such as pay")
    if (evidence) command.requiredOption("--evidence <text>", "where it can be looked up")
    command
      .addOption(expectedVersionOption())
      .addOption(decisionIdOption())
      .addOption(outputOption())
      .addHelpText("after", `\nExample:\n  holdfast ${example}\n`)
      .action(async (instanceId: string, ...given: [string, Flags] | [Flags]) => {
        // Commander hands on the arguments that were declared, then the options.
        const flags = (task ? given[1] : given[0]) as Flags
        const decision: DecisionRequest = {
          action,
          reason: flags.reason,
          expected_version: flags.expectedVersion,
          ...(task && { task: given[0] as string }),
          ...(flags.evidence !== undefined && { evidence: flags.evidence }),
          ...(action === "retry_unsafe" && { attest: "not_executed" }),
        }
        const value = await decideOnce(terminal, flags, (client, once) =>
          client.decide(instanceId, decision, once),
        )
        printResult(terminal, flags, { value, show: showDecided })
      })
  }
}
