import { setTimeout as sleep } from "node:timers/promises"
import { QueryNotRegisteredError } from "@temporalio/client"
import { ASKED_TOO_EARLY } from "../../contract/messages.ts"

/** A worker answers, and not now. */
export class AskedTooEarly extends Error {
  override readonly name = "AskedTooEarly"
}

/** A run that goes on all the time is at rest between two of its workflow tasks only. */
const MOST_TIMES = 5
const PAUSE_MS = 50

/**
 * Asks a run again that refused the question: one that waited while the run went on (`worker/sandbox/run-proxy.ts`). The
 * next one mostly waits for the workflow task that takes what had come. The SDK knows one error for all that a worker
 * took and could not carry out; any other is asked again once.
 *
 * @throws AskedTooEarly when it goes on still; QueryNotRegisteredError when no worker can read it; the client's error
 *   when nobody answered.
 */
export async function askRun<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  for (let times = 1; ; times++) {
    try {
      return await ask()
    } catch (thrown) {
      if (!(thrown instanceof QueryNotRegisteredError)) throw thrown
      const isEarly = thrown.message.includes(ASKED_TOO_EARLY)
      if (isEarly && times === MOST_TIMES) throw new AskedTooEarly(thrown.message, { cause: thrown })
      if (!isEarly && times > 1) throw thrown
    }
    await sleep(PAUSE_MS * times)
  }
}
