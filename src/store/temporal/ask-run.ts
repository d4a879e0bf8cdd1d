import { QueryNotRegisteredError } from "@temporalio/client"
import { ASKED_TOO_EARLY } from "../../contract/messages.ts"

/** A worker answers, and not now. */
export class AskedTooEarly extends Error {
  override readonly name = "AskedTooEarly"
}

/**
 * Asks a run again that refused the question: one that waited while the run went on (`worker/sandbox/run-proxy.ts`). The
 * second one waits for the workflow task that takes what had come. The SDK knows one error for all that a worker took
 * and could not carry out.
 *
 * @throws AskedTooEarly when it goes on still; QueryNotRegisteredError when no worker can read it; the client's error
 *   when nobody answered.
 */
export async function askRun<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask()
  } catch (thrown) {
    if (!(thrown instanceof QueryNotRegisteredError)) throw thrown
  }
  try {
    return await ask()
  } catch (thrown) {
    if (!(thrown instanceof QueryNotRegisteredError) || !thrown.message.includes(ASKED_TOO_EARLY))
      throw thrown
    throw new AskedTooEarly(thrown.message, { cause: thrown })
  }
}
