/** What people say of an exception. None of it moves the transaction. */
import type { Command } from "commander"
import type { HoldfastClient } from "../sdk/client.ts"
import type { Assignment, Exception, Snooze } from "../sdk/shapes.ts"
import { UsageError } from "./exit-codes.ts"
import { type OutputFormat, outputOption, printResult } from "./output-option.ts"
import { readId } from "./read-value.ts"
import { showComments, showExceptions } from "./show-exceptions.ts"
import type { Terminal } from "./terminal.ts"

interface Flags {
  output: OutputFormat
}

interface AssignFlags extends Flags {
  team?: string
  nobody?: true
}

interface SnoozeFlags extends Flags {
  for?: string
  until?: string
  wake?: true
}

export function addExceptionNoteCommands(exceptions: Command, terminal: Terminal): void {
  const note = async (flags: Flags, say: (client: HoldfastClient) => Promise<Exception>): Promise<void> => {
    const value = await say(await terminal.client())
    printResult(terminal, flags, { value, show: (one) => showExceptions([one]) })
  }
  addCommand(exceptions, "ack")
    .description("say that you saw it; one that is opened again asks anew")
    .addHelpText("after", "\nExample:\n  holdfast exceptions ack 7\n")
    .action((id: string, flags: Flags) => {
      const number = readId(id)
      return note(flags, (client) => client.acknowledgeException(number))
    })
  addCommand(exceptions, "assign")
    .description("give it to a person, a team or both, in place of who has it")
    .argument("[owner]", "the person's name")
    .option("--team <name>", "the team's name")
    .option("--nobody", "take it away from both")
    .addHelpText("after", "\nExample:\n  holdfast exceptions assign 7 ann --team payments\n")
    .action((id: string, owner: string | undefined, flags: AssignFlags) => {
      const number = readId(id)
      const assignment = readAssignment(owner, flags)
      return note(flags, (client) => client.assignException(number, assignment))
    })
  addCommand(exceptions, "snooze")
    .description("let it sleep, 90 days at most; it wakes when it is opened again")
    .option("--for <duration>", "such as 30m, 2h or 7d")
    .option("--until <time>", "such as 2026-12-24T08:00:00Z")
    .option("--wake", "end its sleep now")
    .addHelpText("after", "\nExample:\n  holdfast exceptions snooze 7 --for 2h\n")
    .action((id: string, flags: SnoozeFlags) => {
      const number = readId(id)
      const snooze = readSnooze(flags)
      return note(flags, (client) => client.snoozeException(number, snooze))
    })
  addCommentCommands(exceptions, terminal)
}

function addCommentCommands(exceptions: Command, terminal: Terminal): void {
  addCommand(exceptions, "comment")
    .description("write something about it, also when it is open no longer")
    .argument("<text>", "what others should know")
    .addHelpText("after", '\nExample:\n  holdfast exceptions comment 7 "the bank says it never arrived"\n')
    .action(async (id: string, text: string, flags: Flags) => {
      const number = readId(id)
      const value = await (await terminal.client()).commentException(number, text)
      printResult(terminal, flags, { value, show: (one) => showComments([one]) })
    })
  addCommand(exceptions, "comments")
    .description("what was written about it, oldest first, at most 200")
    .action(async (id: string, flags: Flags) => {
      const number = readId(id)
      const value = await (await terminal.client()).listExceptionComments(number)
      printResult(terminal, flags, { value, show: showComments })
    })
}

function addCommand(exceptions: Command, name: string): Command {
  return exceptions.command(name).argument("<id>", "the exception's number").addOption(outputOption())
}

function readAssignment(owner: string | undefined, { team, nobody }: AssignFlags): Assignment {
  const isGiven = owner !== undefined || team !== undefined
  if (isGiven === (nobody === true))
    throw new UsageError("say who has it now: an owner, --team, or --nobody alone")
  return { owner: owner ?? null, team: team ?? null }
}

function readSnooze({ for: duration, until, wake }: SnoozeFlags): Snooze {
  const given = [duration, until, wake].filter((flag) => flag !== undefined)
  if (given.length !== 1) throw new UsageError("say one of --for, --until and --wake")
  if (wake === true) return { until: null }
  return until === undefined ? { for: duration } : { until }
}
