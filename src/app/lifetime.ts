import type { StopList } from "./stop-list.ts"
import { createStopList } from "./stop-list.ts"
import { describeError } from "./describe-error.ts"

export interface Life {
  stops: StopList
  /** Resolves at the first Ctrl-C or SIGTERM. */
  interrupted: Promise<void>
}

const INTERRUPTED = 130

/**
 * Runs a process's work, then stops what it started and exits with the work's code. The first Ctrl-C or SIGTERM
 * begins the end, the second one does not wait for it: children end by themselves when this process is gone.
 * @param work resolves to the exit code. When it is interrupted, its own code counts if it has one within `stop`.
 */
export async function live(work: (life: Life) => Promise<number>): Promise<never> {
  const stops = createStopList()
  let signals = 0
  const interrupted = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const)
      process.on(signal, () => {
        signals++
        if (signals > 1) process.exit(INTERRUPTED)
        process.stderr.write("stopping\n")
        resolve()
      })
  })
  const code = await Promise.race([
    work({ stops, interrupted }).catch((thrown: unknown) => {
      // What fails from here on fails because its servers are being stopped.
      if (signals === 0) process.stderr.write(`holdfast: ${describeError(thrown)}\n`)
      return 1
    }),
    // A work that waits for the interruption itself answers before this does.
    interrupted.then(() => new Promise<number>((resolve) => setImmediate(() => resolve(INTERRUPTED)))),
  ])
  try {
    await stops.stop()
    process.exit(code)
  } catch (thrown) {
    process.stderr.write(`holdfast: ${describeError(thrown)}\n`)
    process.exit(code === 0 ? 1 : code)
  }
}
