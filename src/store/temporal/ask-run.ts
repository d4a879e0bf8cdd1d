import { QueryNotRegisteredError } from "@temporalio/client"

/**
 * Asks a run again that refused the question. A worker refuses one that waited while the run went on, and forgets the
 * run; asked again, it finds it as Temporal has it. The SDK knows one error for all that a worker took and could not
 * carry out.
 *
 * @throws QueryNotRegisteredError when it is refused again; the client's error when nobody answered.
 */
export async function askRun<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask()
  } catch (thrown) {
    if (!(thrown instanceof QueryNotRegisteredError)) throw thrown
    return ask()
  }
}
