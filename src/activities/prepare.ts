/** What an attempt does before anything is sent: connections and secrets are brought up to date. */
import { toError } from "../contract/errors.ts"
import { abortable } from "./abortable.ts"
import { AttemptAborted, type Failed } from "./call.ts"

const PAUSE_MS = 250

/**
 * Tries for half of the attempt's time, so that the call has the other half: while our own Postgres is away, a task
 * must not spend all its attempts within a second, and its transaction go back for it, when its target is well.
 *
 * @returns why nothing was sent, if `work` did not succeed.
 */
export async function prepare(
  work: () => Promise<void>,
  { signal, leftMs }: { signal: AbortSignal; leftMs: () => number },
): Promise<Failed | undefined> {
  const leaveMs = leftMs() / 2
  for (;;) {
    try {
      await abortable(work(), signal)
      return undefined
    } catch (thrown) {
      if (signal.aborted || leftMs() - PAUSE_MS < leaveMs) return toUnprepared(thrown)
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
}

function toUnprepared(thrown: unknown): Failed {
  const code = thrown instanceof AttemptAborted ? thrown.code : "settings_unavailable"
  const message = `connections and secrets could not be read, so nothing was sent: ${toError(thrown).message}`
  return { class: "not_executed", code, message, evidence: {} }
}
