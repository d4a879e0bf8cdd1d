import { findListenProblem } from "../../src/local/free-port.ts"

/** Below the range from which the system takes the near ends of connections: nothing else takes one by chance. */
const [FIRST, LAST] = [20_000, 32_000]

/**
 * A port of 127.0.0.1 for a server that takes seconds to listen and cannot ask for another one. A port that the system
 * picks may be the near end of some other test's connection by then.
 */
export async function findQuietPort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST))
    if ((await findListenProblem("127.0.0.1", port)) === undefined) return port
  }
}
