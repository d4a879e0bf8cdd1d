/**
 * Outputs that are too large to travel: kept in Postgres after the call that gave them, and loaded before a call
 * that takes them. Both only under the call's own tenant and transaction.
 *
 * K1 what could not be kept was executed all the same: the attempt ends as `unknown`, so that an unsafe call is not
 * sent again and a keyed one is repeated under its key.
 * K2 what could not be loaded in time was not sent. What is not there, or is not what was kept, no repeat brings back.
 */
import { createHash } from "node:crypto"
import { setTimeout as pause } from "node:timers/promises"
import type { CallInput, OutputReference, OutputType, PlacedReference } from "../contract/activities.ts"
import { toError } from "../contract/errors.ts"
import type { OutputOwner, OutputStore } from "../store/output-store.ts"
import { abortable } from "./abortable.ts"
import { AttemptAborted, type Done, type Failed, Misconfigured } from "./call.ts"
import type { CallIdentity } from "./identity.ts"
import { patiently } from "./patience.ts"

export interface LargeOutput {
  json: string
  /** Of the JSON in UTF-8. */
  bytes: number
  type: OutputType
}

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 2_000

/** Tries until it is kept or the attempt's time is over. */
export async function keepOutput(
  store: Pick<OutputStore, "keep">,
  {
    done,
    large,
    ...attempt
  }: { done: Done; large: LargeOutput; identity: CallIdentity; signal: AbortSignal },
): Promise<Done | Failed> {
  const sha256 = sha256Of(large.json)
  const { bytes, type } = large
  let last = "nothing answered"
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      await abortable(store.keep(ownerOf(attempt.identity), { ...large, sha256 }), attempt.signal)
      return { ...done, output: null, by_reference: { sha256, bytes, type } }
    } catch (thrown) {
      if (attempt.signal.aborted) return notKept(done, bytes, last)
      last = toError(thrown).message
    }
    await pause(pauseMs, undefined, { signal: attempt.signal }).catch(() => undefined)
    if (attempt.signal.aborted) return notKept(done, bytes, last)
  }
}

function notKept(done: Done, bytes: number, reason: string): Failed {
  return {
    class: "unknown",
    code: "output_not_kept",
    message: `the target did the work, but its output of ${bytes} bytes could not be kept in Postgres within the attempt's time: ${reason}`,
    evidence: done.evidence,
  }
}

/**
 * Puts the values into their places in `config` and `input`, which must belong to the caller. Returns why nothing
 * may be sent.
 * @throws Misconfigured for what is not there, or not what was kept.
 */
export async function loadReferences(
  store: Pick<OutputStore, "load">,
  { input, references, identity, signal }: LoadOptions,
): Promise<Failed | undefined> {
  const wanted = [...new Set(references.map(({ sha256 }) => sha256))]
  let found: ReadonlyMap<string, string>
  try {
    found = await patiently(() => store.load(ownerOf(identity), wanted), signal)
  } catch (thrown) {
    const code = thrown instanceof AttemptAborted ? thrown.code : "outputs_unavailable"
    const message = `outputs that are kept in Postgres could not be read, so nothing was sent: ${toError(thrown).message}`
    return { class: "not_executed", code, message, evidence: {} }
  }
  const values = new Map(wanted.map((sha256) => [sha256, readKept(found.get(sha256), sha256)]))
  for (const { at, sha256 } of references) place(input, at, values.get(sha256))
  return undefined
}

export interface LoadOptions {
  input: Pick<CallInput, "config" | "input">
  references: readonly PlacedReference[]
  identity: CallIdentity
  signal: AbortSignal
}

function readKept(json: string | undefined, sha256: OutputReference["sha256"]): unknown {
  if (json === undefined)
    throw new Misconfigured(
      "output_missing",
      `the output ${sha256} is not among those kept for this transaction: restore the table "blob", or retry with an input`,
    )
  if (sha256Of(json) !== sha256)
    throw new Misconfigured(
      "output_damaged",
      `what is kept as output ${sha256} has another sha256: restore the table "blob", or retry with an input`,
    )
  return JSON.parse(json)
}

function place(root: object, at: PlacedReference["at"], value: unknown): void {
  let inner: object = root
  for (const [index, step] of at.entries()) {
    const next: unknown = Object.hasOwn(inner, step) ? Reflect.get(inner, step) : undefined
    if (index === at.length - 1 && next === null) {
      Reflect.set(inner, step, value)
      return
    }
    if (typeof next !== "object" || next === null) break
    inner = next
  }
  throw new Misconfigured("reference_misplaced", `the call has no place ${at.join("/")} for a kept output`)
}

function ownerOf({ tenant, transaction }: CallIdentity): OutputOwner {
  return { tenant, instance_id: transaction }
}

function sha256Of(json: string): string {
  return createHash("sha256").update(json, "utf8").digest("hex")
}
