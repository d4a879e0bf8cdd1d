/**
 * CEL's timestamps and durations, in whole nanoseconds: how they are read, written and bounded. There is no clock:
 * every timestamp comes from data.
 */
import { Fault } from "./error.ts"
import { Extension, Int, type Kind, nameKind } from "./values.ts"

/** From 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z. */
export class Timestamp extends Extension {
  /** Since 1970-01-01T00:00:00Z. */
  readonly nanos: bigint

  constructor(nanos: bigint) {
    super()
    if (nanos < FIRST || nanos > LAST)
      throw new Fault("overflow", "a timestamp is in the years 0001 to 9999, and this one is not")
    this.nanos = nanos
  }

  override get kind(): Kind {
    return "timestamp"
  }
}

/** Up to 292 years either way: 64 bits of nanoseconds, as cel-spec's conformance tests have it. */
export class Duration extends Extension {
  readonly nanos: bigint

  constructor(nanos: bigint) {
    super()
    if (BigInt.asIntN(64, nanos) !== nanos)
      throw new Fault("overflow", "a duration has at most 292 years, and this one has more")
    this.nanos = nanos
  }

  override get kind(): Kind {
    return "duration"
  }
}

export const SECOND = 1_000_000_000n
const FIRST = -62_135_596_800n * SECOND
const LAST = 253_402_300_800n * SECOND - 1n

/** Keeps BigInt away from long texts. */
const LONGEST = 64

/** From RFC 3339 text, or from an int: seconds since 1970. */
export function convertToTimestamp(value: unknown): Timestamp {
  if (value instanceof Timestamp) return value
  if (value instanceof Int) return new Timestamp(BigInt(value.value) * SECOND)
  if (typeof value === "string") return parseTimestamp(value)
  const hint = typeof value === "number" ? "; numbers from JSON are doubles: int(x) makes an int" : ""
  throw new Fault(
    "type_mismatch",
    `timestamp(x) takes a string or an int of seconds, not ${nameKind(value)}${hint}`,
  )
}

/** From text such as `1h30m`, `-1.5s` or `250ms`: units h, m, s, ms, us and ns, as Go reads them. */
export function convertToDuration(value: unknown): Duration {
  if (value instanceof Duration) return value
  if (typeof value === "string") return parseDuration(value)
  throw new Fault("type_mismatch", `duration(x) takes a string, not ${nameKind(value)}`)
}

/** RFC 3339 in UTC, with as many digits of a second as there are. */
function printTimestamp({ nanos }: Timestamp): string {
  const seconds = floorDivide(nanos, SECOND)
  const text = new Date(Number(seconds) * 1_000).toISOString()
  return `${text.slice(0, "0000-00-00T00:00:00".length)}${printFraction(nanos - seconds * SECOND)}Z`
}

/** In seconds, as protobuf's JSON has it: `3600s`, `-1.5s`. */
function printDuration({ nanos }: Duration): string {
  const size = nanos < 0n ? -nanos : nanos
  return `${nanos < 0n ? "-" : ""}${size / SECOND}${printFraction(size % SECOND)}s`
}

/** How a timestamp or a duration is written; `undefined` for anything else. */
export function printTime(value: unknown): string | undefined {
  if (value instanceof Timestamp) return printTimestamp(value)
  return value instanceof Duration ? printDuration(value) : undefined
}

export function floorDivide(a: bigint, b: bigint): bigint {
  return a / b - (a % b < 0n ? 1n : 0n)
}

function printFraction(nanos: bigint): string {
  return nanos === 0n ? "" : `.${nanos.toString().padStart(9, "0").replace(/0+$/, "")}`
}

const RFC_3339 =
  /^(\d{4})-(\d\d)-(\d\d)[Tt]([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))$/

function parseTimestamp(text: string): Timestamp {
  const parts = text.length <= LONGEST ? RFC_3339.exec(text) : null
  if (parts === null) throw notReadable("timestamp", "RFC 3339, such as 2026-01-31T12:00:00Z")
  const [, year, month, day, hours, minutes, seconds, fraction = "", sign, offsetHours, offsetMinutes] = parts
  // Not Date.UTC: it reads the years 0 to 99 as those of the last century.
  const midnight = new Date(`${year}-${month}-${day}T00:00:00Z`)
  if (Number.isNaN(midnight.getTime()) || midnight.getUTCDate() !== Number(day))
    throw notReadable("timestamp", "a day of the calendar")
  const offset = (Number(offsetHours ?? 0) * 60 + Number(offsetMinutes ?? 0)) * (sign === "-" ? -60 : 60)
  const clock = Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds)
  const whole = midnight.getTime() / 1_000 + clock - offset
  return new Timestamp(BigInt(whole) * SECOND + BigInt(fraction.padEnd(9, "0")))
}

const UNITS: Readonly<Record<string, bigint>> = {
  h: 3_600n * SECOND,
  m: 60n * SECOND,
  s: SECOND,
  ms: 1_000_000n,
  us: 1_000n,
  µs: 1_000n,
  ns: 1n,
}
const DURATION = /^([+-]?)(0|(?:(?:\d+\.?\d*|\.\d+)(?:h|ms|m|s|us|µs|ns))+)$/
const PART = /(\d*)\.?(\d*)(h|ms|m|s|us|µs|ns)/g

function parseDuration(text: string): Duration {
  const parts = text.length <= LONGEST ? DURATION.exec(text) : null
  if (parts === null) throw notReadable("duration", "numbers with units h, m, s, ms, us or ns, such as 1h30m")
  const [, sign, size = ""] = parts
  let nanos = 0n
  for (const [, whole, fraction = "", unit = ""] of size.matchAll(PART)) {
    // What is below a nanosecond is cut off.
    nanos += (BigInt(`${whole}${fraction}`) * (UNITS[unit] ?? 0n)) / 10n ** BigInt(fraction.length)
  }
  return new Duration(sign === "-" ? -nanos : nanos)
}

function notReadable(kind: string, wanted: string): Fault {
  return new Fault("invalid_argument", `the string is no ${kind}: it must be ${wanted}`)
}
