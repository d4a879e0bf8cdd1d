import { setTimeout as sleep } from "node:timers/promises"

/** Asks until the answer satisfies `wanted`; throws with the last answer when it never does. */
export async function until<Value>(
  ask: () => Promise<Value> | Value,
  wanted: (value: Value) => boolean,
  { timeoutMs = 30_000, everyMs = 50 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<Value> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const value = await ask()
    if (wanted(value)) return value
    if (Date.now() > deadline) throw new Error(`not reached within ${timeoutMs} ms: ${JSON.stringify(value)}`)
    await sleep(everyMs)
  }
}
