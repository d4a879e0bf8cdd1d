import type { Command } from "commander"
import { decideOnce, decisionIdOption, type OnceFlags } from "./decide-once.ts"
import { addExceptionNoteCommands } from "./exception-notes.ts"
import { type OutputFormat, outputOption, printResult } from "./output-option.ts"
import { readId } from "./read-value.ts"
import { showExceptionGroups, showExceptions } from "./show-exceptions.ts"
import type { Terminal } from "./terminal.ts"

interface ListFlags {
  transaction?: string
  flow?: string
  state?: string
  owner?: string
  team?: string
  group?: string
  awake?: true
  overdue?: true
  all?: true
  output: OutputFormat
}

export function addExceptionsCommands(program: Command, terminal: Terminal): void {
  const exceptions = program.command("exceptions").description("what needs a person")
  addListCommands(exceptions, terminal)
  addExceptionNoteCommands(exceptions, terminal)
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
    .addOption(decisionIdOption())
    .addHelpText("after", "\nExample:\n  holdfast exceptions retry 7\n")
    .action(async (id: string, flags: OnceFlags & { reason?: string }) => {
      const number = readId(id)
      await decideOnce(terminal, flags, (client, once) => client.retryException(number, flags.reason, once))
      terminal.say(`exception ${number}: its task runs again`)
    })
}

function addListCommands(exceptions: Command, terminal: Terminal): void {
  addFilters(exceptions.command("groups"))
    .description("what failed in the same way, open and not handled, newest activity first, at most 200")
    .addHelpText("after", "\nExample:\n  holdfast exceptions groups --flow order\n")
    .action(async (flags: ListFlags) => {
      const value = await (await terminal.client()).listExceptionGroups(toFilter(flags))
      printResult(terminal, flags, { value, show: showExceptionGroups })
    })
  addFilters(exceptions.command("list"))
    .description("those that nobody has handled, newest first, at most 200")
    .option("--group <group>", "only of this group")
    .option("--transaction <instance-id>", "only of this transaction")
    .addHelpText("after", "\nExample:\n  holdfast exceptions list --flow order\n")
    .action(async (flags: ListFlags) => {
      const value = await (await terminal.client()).listExceptions(toFilter(flags))
      printResult(terminal, flags, { value, show: showExceptions })
    })
}

function addFilters(command: Command): Command {
  return command
    .option("--flow <flow>", "only of this flow, by name or id")
    .option("--state <state>", "only in this state, as it is shown")
    .option("--owner <name>", "only what this person has")
    .option("--team <name>", "only what this team has")
    .option("--awake", "without those that sleep")
    .option("--overdue", "only what is past its time")
    .option("--all", "the handled ones too")
    .addOption(outputOption())
}

function toFilter({ transaction, flow, state, owner, team, group, awake, overdue, all }: ListFlags) {
  return {
    instance_id: transaction,
    flow_id: flow,
    state,
    owner,
    team,
    group,
    overdue,
    snoozed: awake === true ? false : undefined,
    handled: all === true ? undefined : false,
  }
}
