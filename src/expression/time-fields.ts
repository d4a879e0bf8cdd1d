/** `x.getHours()` and its like, of timestamps (in UTC or at a fixed offset) and of durations. */
import { Fault } from "./error.ts"
import { toInt } from "./integers.ts"
import { Duration, floorDivide, SECOND, Timestamp } from "./times.ts"
import { type Int, nameKind } from "./values.ts"

interface TimeField {
  /** Of the clock at the offset, which the date's UTC fields say. */
  ofTimestamp: (date: Date) => number
  /** Absent where a duration has no such field. */
  ofDuration?: (nanos: bigint) => bigint
}

const DAY_MS = 86_400_000

/** As cel-spec has them: months, days of a month (but `getDate`), a year and a week count from 0; a week from Sunday. */
export const TIME_FIELDS: Readonly<Record<string, TimeField>> = {
  getFullYear: { ofTimestamp: (date) => date.getUTCFullYear() },
  getMonth: { ofTimestamp: (date) => date.getUTCMonth() },
  getDate: { ofTimestamp: (date) => date.getUTCDate() },
  getDayOfMonth: { ofTimestamp: (date) => date.getUTCDate() - 1 },
  getDayOfWeek: { ofTimestamp: (date) => date.getUTCDay() },
  getDayOfYear: {
    ofTimestamp: (date) => {
      const newYear = new Date(date)
      newYear.setUTCMonth(0, 1)
      return Math.round((date.getTime() - newYear.getTime()) / DAY_MS)
    },
  },
  getHours: { ofTimestamp: (date) => date.getUTCHours(), ofDuration: (nanos) => nanos / (3_600n * SECOND) },
  getMinutes: { ofTimestamp: (date) => date.getUTCMinutes(), ofDuration: (nanos) => nanos / (60n * SECOND) },
  getSeconds: { ofTimestamp: (date) => date.getUTCSeconds(), ofDuration: (nanos) => nanos / SECOND },
  /** Of the second, also in a duration. */
  getMilliseconds: {
    ofTimestamp: (date) => date.getUTCMilliseconds(),
    ofDuration: (nanos) => (nanos % SECOND) / 1_000_000n,
  },
}

export function readTimeField(name: string, field: TimeField): (value: unknown, zone: unknown) => Int {
  return (value, zone) => {
    if (value instanceof Timestamp) return toInt(field.ofTimestamp(toDate(value, readZone(name, zone))))
    if (value instanceof Duration && field.ofDuration !== undefined && zone === undefined)
      return toInt(field.ofDuration(value.nanos))
    const zoned = zone === undefined ? "" : " with a time zone"
    const wanted =
      field.ofDuration === undefined || zoned !== "" ? "a timestamp" : "a timestamp or a duration"
    throw new Fault("type_mismatch", `${name}${zoned} takes ${wanted}, not ${nameKind(value)}`)
  }
}

/** What is wrong with a zone that names a place: its rules change with the data of whoever evaluates. */
export const ZONE_RULE =
  "a time zone is 'UTC' or an offset such as '+08:00': what a named one means differs between machines and years, and a transaction must read the same again"

/** Seconds east of Greenwich; `undefined` for what is neither UTC nor an offset. */
export function parseZone(zone: string): number | undefined {
  if (zone === "UTC" || zone === "Z") return 0
  const parts = /^([+-]?)([01]\d|2[0-3]):([0-5]\d)$/.exec(zone)
  if (parts === null) return undefined
  const [, sign, hours, minutes] = parts
  return (Number(hours) * 3_600 + Number(minutes) * 60) * (sign === "-" ? -1 : 1)
}

function readZone(name: string, zone: unknown): number {
  if (zone === undefined) return 0
  if (typeof zone !== "string")
    throw new Fault("type_mismatch", `the time zone of ${name} is a string, not ${nameKind(zone)}`)
  const offset = parseZone(zone)
  if (offset === undefined) throw new Fault("invalid_argument", ZONE_RULE)
  return offset
}

/** The moment as a clock at the offset shows it; below a millisecond there is no field. */
function toDate({ nanos }: Timestamp, offsetSeconds: number): Date {
  return new Date(Number(floorDivide(nanos, 1_000_000n)) + offsetSeconds * 1_000)
}
