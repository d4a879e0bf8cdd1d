/**
 * The barrier for a participant: a service that Holdfast calls and that has a database of its own (design 4.3).
 *
 * P1 callback and row are one transaction. P2 a COMMIT whose answer is lost is answered by the row, in a transaction
 * that waits for the lost one. P3 only what the barrier proved not to have been kept is run again.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { toError } from "../contract/errors.ts"
import { BarrierError } from "./barrier-error.ts"
import { type BarrierCall, toBarrierKey } from "./call.ts"
import { type BarrierKey, BarrierMoved, type BarrierStatement, enterBarrier, enterUndo } from "./enter.ts"
import { NotCommitted, type ParticipantDatabase, type ParticipantSession } from "./participant.ts"

/** Of one call: the first try, conflicts with other transactions, and lost COMMITs. */
const MAX_TRIES = 5
const MAX_RESULT_BYTES = 1024 * 1024
const DEFAULT_TIMEOUT_MS = 10_000

export interface BarrierOptions {
  /** Bounds, on the server, each statement, each wait for a lock and each pause between statements; 10,000 unless said. */
  timeoutMs?: number
}

export interface Barrier<Tx> {
  /**
   * Runs `effect` once for a call, whatever is repeated, in one transaction with the barrier's row, and answers its
   * result; to a repeat the stored one. It may run again when nothing of it was kept, so everything it changes must be
   * changed over `tx`. The result is answered as JSON keeps it, the first time too; undefined becomes null.
   *
   * Throws what `effect` throws, once all of it is rolled back; `BarrierError` with the codes `key_reused` and
   * `rejected_after_compensation`, where nothing ran; `result_invalid`, `transaction_ended`, `call_invalid`,
   * `barrier_missing`; and `outcome_unknown`: the same call again finds out.
   */
  do<T>(call: BarrierCall, effect: (tx: Tx) => Promise<T>): Promise<T>
  /**
   * Undoes what `do` did under the same transaction, task and generation, once, with its result in hand; where it did
   * nothing, it keeps it from doing anything later, runs nothing and answers null. Answers and throws as `do` does.
   */
  undo<T>(call: BarrierCall, undoing: (tx: Tx, result: unknown) => Promise<T>): Promise<T | null>
}

/** @throws RangeError for a `timeoutMs` that is no whole number above zero. */
export function createBarrier<Tx>(
  database: ParticipantDatabase<Tx>,
  { timeoutMs = DEFAULT_TIMEOUT_MS }: BarrierOptions = {},
): Barrier<Tx> {
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1)
    throw new RangeError(`timeoutMs is ${timeoutMs}: expected milliseconds, a whole number from 1`)
  return {
    async do<T>(call: BarrierCall, effect: (tx: Tx) => Promise<T>) {
      const key = toBarrierKey(call, "do")
      // What this callback answered, or an earlier attempt's, which is the same one's.
      return (await carryOut(database, (step) => doOnce(step, { key, effect, timeoutMs }))) as T
    },
    async undo<T>(call: BarrierCall, undoing: (tx: Tx, result: unknown) => Promise<T>) {
      const key = toBarrierKey(call, "undo")
      // As above.
      return (await carryOut(database, (step) => undoOnce(step, { key, undoing, timeoutMs }))) as T | null
    },
  }
}

interface Step<Tx> {
  database: ParticipantDatabase<Tx>
  session: ParticipantSession<Tx>
  /** The barrier has shown that nothing of this call was kept before. */
  onEntered: () => void
}

type Ended =
  { end: "commit"; value: unknown; last: BarrierStatement | undefined } | { end: "roll_back"; value: unknown }

async function doOnce<Tx>(
  { database: { statements }, session, onEntered }: Step<Tx>,
  { key, effect, timeoutMs }: { key: BarrierKey; effect: (tx: Tx) => Promise<unknown>; timeoutMs: number },
): Promise<Ended> {
  const entry = await enterBarrier(statements, toTransaction(session, timeoutMs), key)
  switch (entry.state) {
    case "entered": {
      onEntered()
      const json = toJson(await effect(session.tx))
      // Null too: by the row that it changes it shows that the transaction did not end within the callback.
      return { end: "commit", value: JSON.parse(json), last: statements.storeResult(key, json) }
    }
    case "replay":
      return { end: "roll_back", value: entry.result }
    case "key_reused":
      throw new BarrierError(
        "key_reused",
        `${nameOf(key)} was carried out for another request: nothing was changed`,
      )
    case "rejected_after_compensation":
      throw new BarrierError(
        "rejected_after_compensation",
        `${nameOf(key)} was undone before this call came: it must not run any more`,
      )
  }
}

async function undoOnce<Tx>(
  { database: { statements }, session, onEntered }: Step<Tx>,
  parts: { key: BarrierKey; undoing: (tx: Tx, result: unknown) => Promise<unknown>; timeoutMs: number },
): Promise<Ended> {
  const { key, undoing, timeoutMs } = parts
  const entry = await enterUndo(statements, toTransaction(session, timeoutMs), key)
  if (entry.state === "replay") return { end: "roll_back", value: entry.result }
  onEntered()
  if (entry.state === "nothing") return { end: "commit", value: null, last: undefined }
  const json = toJson(await undoing(session.tx, entry.result))
  return { end: "commit", value: JSON.parse(json), last: statements.close(key, json) }
}

function toTransaction<Tx>(session: ParticipantSession<Tx>, timeoutMs: number) {
  return {
    begin: (first: BarrierStatement) => session.begin(first, timeoutMs),
    run: session.run,
  }
}

interface Failure {
  state: "failed"
  at: "asking" | "working" | "committing"
  error: Error
}

type Tried = { state: "done"; value: unknown } | Failure

async function carryOut<Tx>(
  database: ParticipantDatabase<Tx>,
  once: (step: Step<Tx>) => Promise<Ended>,
): Promise<unknown> {
  let lost: Error | undefined
  for (let tries = 1; ; tries++) {
    const tried = await tryOnce(database, once)
    if (tried.state === "done") return tried.value
    const { at, error } = tried
    if (at !== "asking") lost = undefined
    if (at === "committing" && !(error instanceof NotCommitted) && database.leavesCommitOpen(error))
      lost = error
    const reason = error instanceof NotCommitted ? error.cause : error
    const mayRepeat = lost !== undefined || reason instanceof BarrierMoved || database.isConflict(reason)
    if (!mayRepeat || tries === MAX_TRIES)
      throw lost === undefined ? toThrown(database, { at, error: reason }) : unknown(lost)
    await sleep(Math.random() * 20 * 2 ** tries)
  }
}

async function tryOnce<Tx>(
  database: ParticipantDatabase<Tx>,
  once: (step: Step<Tx>) => Promise<Ended>,
): Promise<Tried> {
  let at: Failure["at"] = "asking"
  let session: ParticipantSession<Tx> | undefined
  try {
    session = await database.open()
    const ended = await once({ database, session, onEntered: () => (at = "working") })
    if (ended.end === "roll_back") {
      await session.rollBack()
      return { state: "done", value: ended.value }
    }
    at = "committing"
    await session.commit(ended.last)
    return { state: "done", value: ended.value }
  } catch (thrown) {
    await session?.rollBack()
    return { state: "failed", at, error: toError(thrown) }
  }
}

function toJson(result: unknown): string {
  const json = stringify(result ?? null)
  if (json === undefined)
    throw new BarrierError("result_invalid", "the result is no JSON; nothing was changed")
  if (Buffer.byteLength(json) <= MAX_RESULT_BYTES) return json
  throw new BarrierError(
    "result_invalid",
    `the result is larger than ${MAX_RESULT_BYTES} bytes of JSON; nothing was changed: answer less`,
  )
}

/** Functions and symbols have no text, whatever the types say; cycles and big integers throw. */
function stringify(result: unknown): string | undefined {
  try {
    return JSON.stringify(result)
  } catch (cause) {
    throw new BarrierError(
      "result_invalid",
      `the result is no JSON (${toError(cause).message}); nothing was changed`,
      {
        cause,
      },
    )
  }
}

/** Before the callback ran there was no other table that could be missing. */
function toThrown<Tx>(
  database: ParticipantDatabase<Tx>,
  { at, error }: Pick<Failure, "at" | "error">,
): Error {
  if (at !== "asking" || !database.isTableMissing(error)) return error
  return new BarrierError(
    "barrier_missing",
    `${error.message}: holdfast barrier install creates it, and --print shows how`,
    { cause: error },
  )
}

function unknown(cause: Error): BarrierError {
  return new BarrierError(
    "outcome_unknown",
    `the answer to COMMIT is missing (${cause.message}), and the barrier could not be asked: answer with an error that leaves it open, such as 503; the same call finds out`,
    { cause },
  )
}

function nameOf({ txn, task, generation }: BarrierKey): string {
  return `task ${task} of ${txn}, generation ${generation},`
}
