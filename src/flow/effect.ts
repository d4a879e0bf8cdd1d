/** What a task's call may do when it is repeated. */
import type { Effect } from "../contract/statuses.ts"
import type { ConnectionInfo } from "./connection.ts"
import type { KindReading } from "./schema/kind.ts"

export interface EffectSources {
  /** The author's word. */
  written: Effect | undefined
  reading: Pick<KindReading, "certainEffect" | "usualEffect">
  connection: ConnectionInfo | undefined
  /** The author wrote `retry.strategy: auto` with `max_attempts` above 1. */
  retriesWritten: boolean
}

/**
 * The most certain source counts: the author; the protocol (a GET reads, a db task has its barrier); the
 * connection; what is usual for the kind; the author's retries, which promise a target that honours the key
 * (`assumed`). Else the call is unsafe.
 */
export function resolveEffect({ written, reading, connection, retriesWritten }: EffectSources): {
  effect: Effect
  assumed: boolean
} {
  const said = written ?? reading.certainEffect ?? connection?.effect ?? reading.usualEffect
  if (said !== undefined) return { effect: said, assumed: false }
  return retriesWritten ? { effect: "keyed", assumed: true } : { effect: "unsafe", assumed: false }
}
