/** Keys that are left alone for a while, longer after each further failure. */
export interface Cooldown {
  isCooling(key: string): boolean
  /** All that failed of late; `due` may be tried again, the one that waits longest first. */
  failed(): { cooling: string[]; due: string[] }
  fail(key: string): void
  succeed(key: string): void
}

/** Nobody asked about it since: it succeeded elsewhere, or is no more. */
const FORGOTTEN_MS = 60 * 60_000

export function createCooldown({ firstMs, longestMs }: { firstMs: number; longestMs: number }): Cooldown {
  // Times of a clock that nobody sets back.
  const entries = new Map<string, { until: number; ms: number }>()
  return {
    isCooling: (key) => (entries.get(key)?.until ?? Number.NEGATIVE_INFINITY) > performance.now(),
    failed() {
      const now = performance.now()
      const keys = [...entries].toSorted(([, a], [, b]) => a.until - b.until)
      const toKeys = (some: typeof keys) => some.map(([key]) => key)
      return {
        cooling: toKeys(keys.filter(([, { until }]) => until > now)),
        due: toKeys(keys.filter(([, { until }]) => until <= now)),
      }
    },
    fail(key) {
      const now = performance.now()
      const ms = Math.min(longestMs, (entries.get(key)?.ms ?? firstMs / 2) * 2)
      entries.set(key, { until: now + ms, ms })
      for (const [other, { until }] of entries) if (until < now - FORGOTTEN_MS) entries.delete(other)
    },
    succeed: (key) => void entries.delete(key),
  }
}
