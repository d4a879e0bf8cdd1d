import type { Client } from "pg"
import { toError } from "../../contract/errors.ts"
import { encodeChanges, type NumberedTransaction } from "./encode.ts"
import { maskDecisions, type SecretMask } from "./mask-decisions.ts"
import { emptyNewest } from "./merge.ts"
import { type PendingTransaction, size } from "./pending.ts"
import { closeAbandoned } from "./queries/close-abandoned.ts"
import { fillPayloads } from "./queries/fill-payloads.ts"
import { numberReset } from "./queries/number-reset.ts"
import { writeChanges } from "./queries/write-changes.ts"
import { judgeWriteError } from "./write-error.ts"

export interface Culprit {
  tenant: string
  transaction_id: string
  /** Which row it is, for the log; never its values. */
  row: string
  error: Error
}

interface BatchOptions {
  onCulprit: (culprit: Culprit) => void
  /** Called whenever Postgres has answered, be it with an error. */
  onAnswer: () => void
  /** Secrets to keep out of decisions. */
  secrets: SecretMask | undefined
}

const TRIES_AFTER_LOST_RACES = 5

/**
 * Writes a batch. Where Postgres finds fault with it, or takes too long over it, halves it until a transaction, then
 * a row, fails alone. A row that can never be stored goes to `onCulprit`; all others are written.
 *
 * @throws Error when Postgres, and not a row, is the reason: the whole batch may be tried again.
 */
export async function writeBatch(
  client: Client,
  batch: PendingTransaction[],
  { secrets, ...listeners }: BatchOptions,
): Promise<void> {
  const numbered: NumberedTransaction[] = []
  for (const waiting of batch) {
    const entry = await maskDecisions(client, waiting, secrets)
    numbered.push({ entry, resets: await findResets(client, entry) })
    listeners.onAnswer()
  }
  await writePart({ client, ...listeners }, numbered)
}

async function findResets(
  client: Client,
  { tenant, transaction_id, reset_run }: PendingTransaction,
): Promise<number> {
  return reset_run === undefined ? 0 : numberReset(client, { tenant, transaction_id, run_id: reset_run })
}

async function writePart(
  write: Omit<BatchOptions, "secrets"> & { client: Client },
  part: NumberedTransaction[],
  tries = TRIES_AFTER_LOST_RACES,
): Promise<void> {
  try {
    await writeWhole(write.client, part)
    write.onAnswer()
  } catch (thrown) {
    const error = toError(thrown)
    const failure = judgeWriteError(error)
    if (failure === "outage" || (failure === "again" && tries === 0)) throw error
    write.onAnswer()
    if (failure === "again") return writePart(write, part, tries - 1)
    const pieces = part.length > 1 ? halve(part) : part.flatMap(splitRows)
    const [only] = part
    if (only && pieces.length <= 1) {
      // One row is not too much at once.
      if (failure === "slow") throw error
      return write.onCulprit(toCulprit(only, error))
    }
    for (const piece of pieces) await writePart(write, piece)
  }
}

async function writeWhole(client: Client, part: NumberedTransaction[]): Promise<void> {
  const documents = encodeChanges(part)
  const taken = await writeChanges(client, documents)
  const sent = part.reduce((sum, { entry }) => sum + entry.tasks.size, 0)
  if (taken.tasks < sent) await fillPayloads(client, documents.tasks)
  if (documents.completes !== "[]") await closeAbandoned(client, documents.completes)
}

function halve(part: NumberedTransaction[]): NumberedTransaction[][] {
  const middle = part.length >> 1
  return [part.slice(0, middle), part.slice(middle)]
}

/** Each row as a transaction of its own; the transaction's row last, so that an end comes after its tasks. */
function splitRows({ entry, resets }: NumberedTransaction): NumberedTransaction[][] {
  if (size(entry) + (entry.complete ? 1 : 0) <= 1) return [[{ entry, resets }]]
  const alone = (part: Partial<PendingTransaction>): NumberedTransaction[] => [
    { entry: { ...entry, ...emptyNewest(), attempts: [], ...part }, resets },
  ]
  return [
    ...[...entry.tasks].map((task) => alone({ tasks: new Map([task]) })),
    ...[...entry.exceptions].map((exception) => alone({ exceptions: new Map([exception]) })),
    ...[...entry.decisions].map((decision) => alone({ decisions: new Map([decision]) })),
    ...entry.attempts.map((attempt) => alone({ attempts: [attempt] })),
    ...(entry.transaction ? [alone({ transaction: entry.transaction })] : []),
    ...(entry.complete ? [alone({ complete: entry.complete })] : []),
  ]
}

function toCulprit({ entry }: NumberedTransaction, error: Error): Culprit {
  const { tenant, transaction_id } = entry
  const [task] = entry.tasks.keys()
  const [exception] = entry.exceptions.keys()
  const [decision] = entry.decisions.keys()
  const [attempt] = entry.attempts
  const row =
    (task !== undefined && `task ${task}`) ||
    (exception !== undefined && `exception ${exception}`) ||
    (decision !== undefined && `decision ${decision}`) ||
    (attempt !== undefined && `attempt ${attempt.attempt} of ${attempt.task}`) ||
    "transaction"
  return { tenant, transaction_id, row, error }
}
