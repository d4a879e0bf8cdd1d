/** Keys that are left alone for a while, longer after each further failure. */
export interface Cooldown {
  isCooling(key: string): boolean
  fail(key: string): void
  succeed(key: string): void
}

export function createCooldown({ firstMs, longestMs }: { firstMs: number; longestMs: number }): Cooldown {
  const cooling = new Map<string, { until: number; ms: number }>()
  return {
    isCooling: (key) => (cooling.get(key)?.until ?? 0) > Date.now(),
    fail(key) {
      const ms = Math.min(longestMs, (cooling.get(key)?.ms ?? firstMs / 2) * 2)
      cooling.set(key, { until: Date.now() + ms, ms })
    },
    succeed: (key) => void cooling.delete(key),
  }
}
