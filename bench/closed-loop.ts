/** So many callers, each of which starts its next transaction when its last one has ended. */

export interface LoopOptions {
  concurrency: number
  warmUpMs: number
  windowMs: number
  /** One transaction from start to end. */
  once: () => Promise<void>
  /** Called at the two ends of the window. */
  onEdge: (edge: "begin" | "end") => void
}

export interface LoopResult {
  /** Transactions that ended within the window. */
  ended: number
  windowMs: number
  /** Of those, in milliseconds. */
  latencies: number[]
}

/** A window in which not every caller ended twice says little, and is made longer. */
const ROUNDS = 2
const LONGEST_MS = 180_000

/**
 * Counts what ends between two moments of a loop that runs before and after them, so that neither its start nor
 * its end is part of the result.
 * @throws the first error of a transaction, or when none ends.
 */
export async function runClosedLoop(options: LoopOptions): Promise<LoopResult> {
  const { concurrency, warmUpMs, windowMs, once, onEdge } = options
  const latencies: number[] = []
  const enough = ROUNDS * concurrency
  let isCounting = false
  const over = new AbortController()
  let endedEver = 0
  let onEnded = () => {}
  const caller = async () => {
    while (!over.signal.aborted) {
      const began = performance.now()
      await once()
      endedEver++
      if (isCounting) latencies.push(performance.now() - began)
      onEnded()
    }
  }
  const callers = Promise.all(Array.from({ length: concurrency }, caller))
  /** Resolves after `ms`, and later if not enough has ended by then; rejects when a caller does. */
  const pass = (ms: number, isEnough: () => boolean): Promise<unknown> =>
    Promise.race([
      callers,
      new Promise<void>((resolve) => {
        const began = performance.now()
        const look = () => {
          const elapsed = performance.now() - began
          if (elapsed >= LONGEST_MS || (elapsed >= ms && isEnough())) resolve()
        }
        onEnded = look
        setTimeout(look, ms)
        setTimeout(look, LONGEST_MS).unref()
      }),
    ])

  await pass(warmUpMs, () => endedEver >= concurrency)
  onEdge("begin")
  const began = performance.now()
  isCounting = true
  await pass(windowMs, () => latencies.length >= enough)
  isCounting = false
  const ended = latencies.length
  if (ended === 0) throw new Error(`no transaction ended within ${LONGEST_MS / 1_000} s`)
  const lasted = performance.now() - began
  onEdge("end")
  over.abort()
  await callers
  return { ended, windowMs: lasted, latencies }
}
