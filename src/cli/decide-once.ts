/** Decisions under an id, so that one whose answer was lost can be sent again and is taken once. */
import { randomUUID } from "node:crypto"
import { Option } from "commander"
import type { HoldfastClient, Once } from "../sdk/client.ts"
import { UsageError } from "./exit-codes.ts"
import { mayHaveHappened } from "./lost-answer.ts"
import type { Terminal } from "./terminal.ts"

export interface OnceFlags {
  decisionId?: string
}

export function decisionIdOption(): Option {
  return new Option(
    "--decision-id <id>",
    "to repeat a decision whose answer was lost; default a new one",
  ).argParser(readDecisionId)
}

function readDecisionId(text: string): string {
  if (/^[\x21-\x7e]{1,200}$/.test(text)) return text
  throw new UsageError(`--decision-id takes 1 to 200 visible ASCII characters, not "${text}"`)
}

export function expectedVersionOption(): Option {
  return new Option(
    "--expected-version <number>",
    "that you saw, as get -o json shows it: refused once the transaction has moved on",
  ).argParser(readVersion)
}

function readVersion(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new UsageError(`--expected-version takes a number, not "${text}"`)
}

export async function decideOnce<Answer>(
  terminal: Terminal,
  { decisionId = randomUUID() }: OnceFlags,
  send: (client: HoldfastClient, once: Once) => Promise<Answer>,
): Promise<Answer> {
  const client = await terminal.client()
  try {
    return await send(client, { idempotencyKey: decisionId })
  } catch (thrown) {
    if (mayHaveHappened(thrown))
      terminal.say(
        `the decision may have been taken: the same command with --decision-id ${decisionId} takes it at most once`,
      )
    throw thrown
  }
}
