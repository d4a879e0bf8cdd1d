/** What a person decides about a transaction that stopped, or should. */
import { type Command, Option } from "commander"
import { ATTESTATIONS } from "../contract/statuses.ts"
import type { Attestation } from "../contract/statuses.ts"
import { decideOnce, decisionIdOption, expectedVersionOption, type OnceFlags } from "./decide-once.ts"
import { type OutputFormat, outputOption, printResult } from "./output-option.ts"
import { readJson } from "./read-value.ts"
import { addEvidenceDecisions } from "./evidence-decisions.ts"
import { showDecided } from "./show-decided.ts"
import type { Terminal } from "./terminal.ts"

interface DecisionFlags extends OnceFlags {
  reason: string
  attest?: Attestation
  expectedVersion?: number
  output: OutputFormat
}

const ATTEST = "what you found out about an effect that nobody knows of"
const RECORDED = "recorded with your key's name"

export function addDecisionCommands(program: Command, terminal: Terminal): void {
  addRetry(program, terminal)
  program
    .command("skip")
    .description("go on without a task that stopped")
    .argument("<instance-id>", "the transaction's id")
    .argument("<task>", "its path, such as pay")
    .requiredOption("--reason <text>", RECORDED)
    .addOption(new Option("--attest <fact>", ATTEST).choices(ATTESTATIONS))
    .addOption(expectedVersionOption())
    .addOption(decisionIdOption())
    .addOption(outputOption())
    .addHelpText("after", '\nExample:\n  holdfast skip order-1 announce --reason "told them by phone"\n')
    .action(async (instanceId: string, task: string, flags: DecisionFlags) => {
      const { reason, attest, expectedVersion: expected_version } = flags
      const decision = { action: "skip", task, reason, attest, expected_version } as const
      const value = await decideOnce(terminal, flags, (client, once) =>
        client.decide(instanceId, decision, once),
      )
      printResult(terminal, flags, { value, show: showDecided })
    })
  program
    .command("complete")
    .description("take a task that stopped for done, with an output you know")
    .argument("<instance-id>", "the transaction's id")
    .argument("<task>", "its path, such as pay")
    .requiredOption("--reason <text>", RECORDED)
    .option("--result <json>", "the task's output as JSON, or @file")
    .addOption(new Option("--attest <fact>", ATTEST).choices(ATTESTATIONS))
    .addOption(expectedVersionOption())
    .addOption(decisionIdOption())
    .addOption(outputOption())
    .addHelpText(
      "after",
      '\nExample:\n  holdfast complete order-1 pay --result \'{"payment_id": "p-7"}\' --attest executed --reason "on the statement"\n',
    )
    .action(async (instanceId: string, task: string, flags: DecisionFlags & { result?: string }) => {
      const { reason, attest, expectedVersion: expected_version } = flags
      const output = flags.result === undefined ? undefined : await readJson("--result", flags.result)
      const decision = { action: "complete", task, reason, attest, output, expected_version } as const
      const value = await decideOnce(terminal, flags, (client, once) =>
        client.decide(instanceId, decision, once),
      )
      printResult(terminal, flags, { value, show: showDecided })
    })
  for (const action of ACTIONS) addAction(program, terminal, action)
  addEvidenceDecisions(program, terminal)
}

interface WholeAction {
  name: "cancel" | "pause" | "resume"
  does: string
  example: string
}

/** About the whole transaction. */
const ACTIONS: readonly WholeAction[] = [
  {
    name: "cancel",
    does: "start nothing new, and stop what runs; effects that happened stay",
    example: 'cancel order-1 --reason "the customer changed her mind"',
  },
  {
    name: "pause",
    does: "start nothing new until it is resumed; what runs goes on",
    example: 'pause order-1 --reason "the warehouse is counted"',
  },
  { name: "resume", does: "go on after a pause", example: "resume order-1" },
]

function addAction(program: Command, terminal: Terminal, { name, does, example }: WholeAction): void {
  program
    .command(name)
    .description(does)
    .argument("<instance-id>", "the transaction's id")
    .option("--reason <text>", RECORDED)
    .addOption(decisionIdOption())
    .addOption(outputOption())
    .addHelpText("after", `\nExample:\n  holdfast ${example}\n`)
    .action(async (instanceId: string, flags: OnceFlags & { reason?: string; output: OutputFormat }) => {
      const value = await decideOnce(terminal, flags, (client, once) =>
        client.act(instanceId, name, flags.reason, once),
      )
      printResult(terminal, flags, { value, show: showStatus })
    })
}

interface RetryFlags extends OnceFlags {
  task?: string
  reason?: string
  attest?: Attestation
  expectedVersion?: number
  output: OutputFormat
}

function addRetry(program: Command, terminal: Terminal): void {
  program
    .command("retry")
    .description("run again what stopped; a failed transaction goes on from where it failed")
    .argument("<instance-id>", "the transaction's id")
    .option("--task <task>", "only this task, by its path; needs a --reason")
    .option("--reason <text>", RECORDED)
    .addOption(new Option("--attest <fact>", `${ATTEST}; with --task`).choices(ATTESTATIONS))
    .addOption(expectedVersionOption())
    .addOption(decisionIdOption())
    .addOption(outputOption())
    .addHelpText("after", '\nExample:\n  holdfast retry order-1 --task ship --reason "the carrier is back"\n')
    .action(async (instanceId: string, flags: RetryFlags, command: Command) => {
      const { task, reason, attest, expectedVersion: expected_version } = flags
      if (task === undefined && attest !== undefined) command.error("error: --attest is about one --task")
      if (task === undefined && expected_version !== undefined)
        command.error("error: --expected-version is about one --task")
      if (task !== undefined && reason === undefined) command.error("error: --task needs a --reason")
      if (task === undefined || reason === undefined) {
        const value = await decideOnce(terminal, flags, (client, once) =>
          client.retryTransaction(instanceId, reason, once),
        )
        printResult(terminal, flags, { value, show: showStatus })
      } else {
        const decision = { action: "retry", task, reason, attest, expected_version } as const
        const value = await decideOnce(terminal, flags, (client, once) =>
          client.decide(instanceId, decision, once),
        )
        printResult(terminal, flags, { value, show: showDecided })
      }
    })
}

function showStatus({ instance_id, status }: { instance_id: string; status: string }): string {
  return `${instance_id}  ${status}`
}
