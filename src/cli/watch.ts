import type { Command } from "commander"
import type { Transaction } from "../sdk/shapes.ts"
import { UsageError } from "./exit-codes.ts"
import { type OutputFormat, outputOption, printResult } from "./output-option.ts"
import { hasSettled, judge } from "./settled.ts"
import { showTransaction } from "./show-transaction.ts"
import type { Terminal } from "./terminal.ts"

export function addWatchCommand(program: Command, terminal: Terminal): void {
  program
    .command("watch")
    .description("follow a transaction until it ends or needs a person")
    .argument("<instance-id>", "the transaction's id")
    .option("--timeout <seconds>", "give up after so long, with exit code 124")
    .addOption(outputOption())
    .addHelpText(
      "after",
      "\nChanges go to stderr, the result to stdout; exit code 0 for success, 1 for any other end.\nExample:\n  holdfast watch order-1 --timeout 300\n",
    )
    .action(async (instanceId: string, flags: { timeout?: string; output: OutputFormat }) => {
      const timeoutMs = readTimeoutMs(flags.timeout)
      const client = await terminal.client()
      const seen = new Map<string, string>()
      const look = async (): Promise<Transaction> => {
        const transaction = await client.getTransaction(instanceId)
        for (const line of listChanges(transaction, seen)) terminal.say(line)
        return transaction
      }
      let transaction = await look()
      if (!hasSettled(transaction)) {
        // An event says when to look, not what to show: several may stand for one change.
        for await (const _events of client.followTransaction(instanceId, toSignal(timeoutMs))) {
          transaction = await look()
          if (hasSettled(transaction)) break
        }
      }
      printResult(terminal, flags, { value: transaction, show: showTransaction })
      terminal.exit(judge(transaction))
    })
}

/** A timer holds 24 days; who waits longer waits for good. */
function toSignal(timeoutMs: number): AbortSignal | undefined {
  return timeoutMs < 2 ** 31 ? AbortSignal.timeout(timeoutMs) : undefined
}

/** Lines for what differs from what `seen` holds, which is brought up to date. */
function listChanges({ instance_id, status, tasks }: Transaction, seen: Map<string, string>): string[] {
  const now = [
    ...tasks.map((task): [string, string] => [`  ${task.task_id}`, task.status]),
    [instance_id, status] as const,
  ]
  return now.flatMap(([name, word]) => {
    const before = seen.get(name)
    seen.set(name, word)
    if (before === word) return []
    return [`${name}  ${before === undefined ? "" : `${before} -> `}${word}`]
  })
}

function readTimeoutMs(text: string | undefined): number {
  if (text === undefined) return Infinity
  const seconds = Number(text)
  if (seconds > 0) return seconds * 1_000
  throw new UsageError(`--timeout takes a number of seconds, not "${text}"`)
}
