/** What an attempt needs before anything is sent: its connection with its secrets, and the outputs that are kept. */
import type { CallInput } from "../contract/activities.ts"
import { toError } from "../contract/errors.ts"
import type { OutputStore } from "../store/output-store.ts"
import { AttemptAborted, type Failed } from "./call.ts"
import type { CallIdentity } from "./identity.ts"
import { loadReferences } from "./kept-outputs.ts"
import { patiently, startPatience } from "./patience.ts"

export interface Preparation {
  /** Brings connections and secrets up to date. */
  prepare?: (() => Promise<void>) | undefined
  outputs: Pick<OutputStore, "load">
  input: CallInput
  identity: CallIdentity
  /** The attempt's. */
  signal: AbortSignal
  leftMs: () => number
}

/** @returns why nothing may be sent. @throws Misconfigured for an output that is not there, or not what was kept. */
export async function prepareCall(call: Preparation): Promise<Failed | undefined> {
  const { prepare, outputs, input, identity } = call
  const { references } = input
  const patience = startPatience(call)
  try {
    const unprepared = prepare && (await readSettings(prepare, patience.signal))
    if (unprepared || references === undefined) return unprepared
    return await loadReferences(outputs, { input, references, identity, signal: patience.signal })
  } finally {
    patience.stop()
  }
}

async function readSettings(prepare: () => Promise<void>, signal: AbortSignal): Promise<Failed | undefined> {
  try {
    await patiently(prepare, signal)
    return undefined
  } catch (thrown) {
    const code = thrown instanceof AttemptAborted ? thrown.code : "settings_unavailable"
    return {
      class: "not_executed",
      code,
      message: `nothing was sent: ${toError(thrown).message}`,
      evidence: {},
    }
  }
}
