/** Milliseconds until the target wants to be asked again, from seconds or a date (RFC 9110 §10.2.3). Not clamped. */
export function parseRetryAfter(value: string, now: number): number | undefined {
  const text = value.trim()
  if (/^\d{1,10}$/.test(text)) return Number(text) * 1_000
  // Only dates of the year's usual forms: Date.parse alone would take a bare "-5" for one.
  const at = /^[A-Za-z]{3,9},? /.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? undefined : Math.max(at - now, 0)
}
