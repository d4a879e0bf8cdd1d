/**
 * The heartbeats of all open attempts of one worker. They tell Temporal that the attempt lives, and bring its
 * cancellation. Each is a write of Temporal's: with 1,000 calls open, one every two seconds from each kept a
 * server so busy that it started no other.
 *
 * P1 one attempt is heard of every two seconds, but all together not more often than `MOST_A_SECOND`.
 * P2 a flow's own heartbeat timeout is kept, whatever P1 says.
 */
export interface Pulse {
  /** Calls `beat` until what it returns is called. */
  start(beat: () => void, heartbeatTimeoutMs?: number): () => void
}

export const HEARTBEAT_INTERVAL_MS = 2_000
const MOST_A_SECOND = 50

export function createPulse(): Pulse {
  let open = 0
  return {
    start(beat, heartbeatTimeoutMs = 0) {
      let timer: NodeJS.Timeout | undefined
      const limitMs = heartbeatTimeoutMs > 0 ? heartbeatTimeoutMs / 2 : Number.POSITIVE_INFINITY
      const next = () => {
        const fairMs = Math.max(HEARTBEAT_INTERVAL_MS, (open * 1_000) / MOST_A_SECOND)
        timer = setTimeout(
          () => {
            beat()
            next()
          },
          Math.min(fairMs, limitMs),
        )
      }
      open++
      next()
      return () => {
        open--
        clearTimeout(timer)
      }
    },
  }
}
