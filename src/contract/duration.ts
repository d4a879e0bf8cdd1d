/** Durations as authors write them. */

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Longest duration: ten years. Timers beyond it are mistakes in the unit. */
export const MAX_DURATION_MS = 3_650 * UNITS.d

const WITH_UNIT = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/
/** ISO 8601 without years and months, whose lengths vary. */
const ISO =
  /^P(?:(\d+(?:\.\d+)?)W)?(?:(\d+(?:\.\d+)?)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?$/

export class DurationError extends Error {
  override readonly name = "DurationError"
}

/**
 * Milliseconds, whole and not negative. Takes seconds as a number (dist_task's habit), a number with one of the
 * units ms, s, m, h, d (`"500ms"`, `"1.5h"`), or ISO 8601 from weeks down (`"PT10S"`, `"P1DT2H"`).
 * Throws `DurationError`.
 */
export function parseDuration(value: unknown): number {
  const ms = typeof value === "number" ? value * UNITS.s : typeof value === "string" ? toMs(value) : undefined
  if (ms === undefined || !Number.isFinite(ms)) {
    throw new DurationError(
      'expected seconds as a number, text such as "500ms", "10s", "5m", "2h", "7d", or ISO 8601 such as "PT10S"',
    )
  }
  if (ms < 0) throw new DurationError("a duration cannot be negative")
  if (ms > MAX_DURATION_MS) throw new DurationError("a duration can be ten years (3650d) at most")
  if (ms > 0 && ms < 1) throw new DurationError("the shortest duration is 1ms")
  return Math.round(ms)
}

function toMs(text: string): number | undefined {
  const simple = WITH_UNIT.exec(text)
  // The pattern lets only the table's units through.
  if (simple !== null) return Number(simple[1]) * UNITS[simple[2] as keyof typeof UNITS]
  const iso = ISO.exec(text)
  if (iso === null || !/\d[WDHMS]$/.test(text)) return undefined
  const [weeks, days, hours, minutes, seconds] = iso.slice(1).map((part) => Number(part ?? 0))
  return (
    ((weeks ?? 0) * 7 + (days ?? 0)) * UNITS.d +
    (hours ?? 0) * UNITS.h +
    (minutes ?? 0) * UNITS.m +
    (seconds ?? 0) * UNITS.s
  )
}
