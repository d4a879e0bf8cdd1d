import { randomUUID } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import type { Command } from "commander"
import type { HoldfastClient, StartRequest } from "../sdk/client.ts"
import type { StartedTransaction, Transaction } from "../sdk/shapes.ts"
import { UsageError } from "./exit-codes.ts"
import { mayHaveHappened } from "./lost-answer.ts"
import { type OutputFormat, outputOption, printResult } from "./output-option.ts"
import { readParams } from "./read-value.ts"
import { hasSettled, judge } from "./settled.ts"
import { showTransaction } from "./show-transaction.ts"
import type { Terminal } from "./terminal.ts"

interface RunFlags {
  id?: string
  params: string
  wait?: string | true
  output: OutputFormat
}

export function addRunCommand(program: Command, terminal: Terminal): void {
  program
    .command("run")
    .description("start a transaction of a flow")
    .argument("<flow>", "name or id of a published flow")
    .option("--id <instance-id>", "the transaction's own id; default a random one")
    .option("--params <json>", "parameters as JSON, or @file", "{}")
    .option("--wait [seconds]", "wait until it ends or needs a person (60 s)")
    .addOption(outputOption())
    .addHelpText("after", "\nExample:\n  holdfast run order --id order-1 --params @params.json --wait\n")
    .action(async (flow: string, flags: RunFlags) => {
      const instanceId = flags.id ?? randomUUID()
      const params = await readParams(flags.params)
      const seconds = flags.wait === undefined ? 0 : readSeconds(flags.wait)
      const client = await terminal.client()
      const request = { instance_id: instanceId, flow_id: flow, params }
      // Another's, where the flow answers a taken business key with the transaction that has it.
      const { instance_id } = await start(client, request, terminal)
      const transaction = await settle(client, instance_id, seconds).catch((thrown: unknown) => {
        terminal.say(`${instance_id} has started: holdfast get ${instance_id}`)
        throw thrown
      })
      printResult(terminal, flags, { value: transaction, show: showTransaction })
      if (flags.wait !== undefined) terminal.exit(judge(transaction))
    })
}

async function start(
  client: HoldfastClient,
  request: StartRequest,
  terminal: Terminal,
): Promise<StartedTransaction> {
  try {
    return await client.startTransaction(request)
  } catch (thrown) {
    const { instance_id } = request
    if (mayHaveHappened(thrown))
      terminal.say(
        `${instance_id} may have started: the same command with --id ${instance_id} starts it at most once`,
      )
    throw thrown
  }
}

/** Polls until the transaction ends or is blocked, or the time is over. */
async function settle(client: HoldfastClient, instanceId: string, seconds: number): Promise<Transaction> {
  const deadline = Date.now() + seconds * 1_000
  for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 1.5, 1_000)) {
    const transaction = await client.getTransaction(instanceId)
    if (hasSettled(transaction) || Date.now() >= deadline) return transaction
    await sleep(Math.min(pauseMs, Math.max(0, deadline - Date.now())))
  }
}

function readSeconds(wait: string | true): number {
  const seconds = wait === true ? 60 : Number(wait)
  if (!(seconds > 0)) throw new UsageError(`--wait takes a number of seconds, not "${String(wait)}"`)
  return seconds
}
