import { toError } from "../contract/errors.ts"

/** The work's end, or the signal's reason if that comes first. The work itself goes on. */
export function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(toError(signal.reason))
    if (signal.aborted) onAbort()
    else signal.addEventListener("abort", onAbort, { once: true })
    // Both outcomes are handled, so that nothing is left to reject.
    void work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort))
  })
}
