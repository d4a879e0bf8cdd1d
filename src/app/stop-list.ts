import { toError } from "../contract/errors.ts"

/** What was started, to be stopped in the opposite order, all of it, also when one stop fails. */
export interface StopList {
  add: (name: string, stop: () => unknown) => void
  /** May be asked twice; the second call waits for the first. @throws AggregateError */
  stop: () => Promise<void>
}

export function createStopList(): StopList {
  const entries: { name: string; stop: () => unknown }[] = []
  let stopping: Promise<void> | undefined

  const stopAll = async (): Promise<void> => {
    const failures: Error[] = []
    for (let entry = entries.pop(); entry !== undefined; entry = entries.pop())
      try {
        await entry.stop()
      } catch (thrown) {
        failures.push(new Error(`${entry.name} did not stop: ${toError(thrown).message}`, { cause: thrown }))
      }
    if (failures.length > 0)
      throw new AggregateError(failures, failures.map((failure) => failure.message).join("; "))
  }
  return {
    add: (name, stop) => void entries.push({ name, stop }),
    stop: () => (stopping ??= stopAll()),
  }
}

/** Runs `start`; when it throws, what it had started is stopped before the error goes on. */
export async function withStopList<T>(start: (stops: StopList) => Promise<T>): Promise<T> {
  const stops = createStopList()
  try {
    return await start(stops)
  } catch (thrown) {
    await stops.stop().catch(() => undefined)
    throw thrown
  }
}
