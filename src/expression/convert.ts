/** The conversions of CEL: `int, uint, double, string, bool, bytes`, and how a value becomes text. */
import { Fault } from "./error.ts"
import { toInt, toUint } from "./integers.ts"
import { PER_STEP } from "./meter.ts"
import type { Meter } from "./meter.ts"
import { decodeUtf8, encodeUtf8 } from "./text.ts"
import { floorDivide, printTime, SECOND, Timestamp } from "./times.ts"
import { Int, Uint, kindOf, nameKind } from "./values.ts"
import type { Kind } from "./values.ts"

/** No number that fits in 64 bits is longer than this; keeps BigInt away from long texts. */
const LONGEST_INTEGER = 64
const LONGEST_DOUBLE = 400
const LONGEST_NAME = "-infinity".length

/** From a double: the fraction is cut off. From text: decimal digits with a sign. From a timestamp: seconds since 1970. */
export function convertToInt(value: unknown): Int {
  if (value instanceof Int) return value
  if (value instanceof Uint) return toInt(value.value)
  if (typeof value === "number") {
    // Strictly between the ends, as cel-spec asks: -2^63 itself is out, since doubles round to it.
    if (!(value > -(2 ** 63) && value < 2 ** 63)) throw outOfRange("an int")
    return toInt(Math.trunc(value))
  }
  if (typeof value === "string") return toInt(parseInteger(value, "an int", true))
  if (value instanceof Timestamp) return toInt(floorDivide(value.nanos, SECOND))
  throw notConvertible("int", "a number, a string or a timestamp", value)
}

export function convertToUint(value: unknown): Uint {
  if (value instanceof Uint) return value
  if (value instanceof Int) return toUint(value.value)
  if (typeof value === "number") {
    if (!(value >= 0 && value < 2 ** 64)) throw outOfRange("a uint")
    return toUint(Math.trunc(value))
  }
  if (typeof value === "string") return toUint(parseInteger(value, "a uint", false))
  throw notConvertible("uint", "a number or a string", value)
}

export function convertToDouble(value: unknown): number {
  if (typeof value === "number") return value
  if (value instanceof Int || value instanceof Uint) return Number(value.value)
  if (typeof value === "string") return parseDouble(value)
  throw notConvertible("double", "a number or a string", value)
}

export function convertToString(value: unknown, meter: Meter): string {
  if (value instanceof Uint8Array) {
    meter.spendOn(value.length, PER_STEP.hashed)
    return decodeUtf8(value)
  }
  const text = printScalar(value)
  if (text === undefined)
    throw notConvertible("string", "a string, number, bool, bytes, timestamp or duration", value)
  return text
}

/** The spellings of cel-spec, which are Go's. */
export function convertToBool(value: unknown): boolean {
  if (typeof value === "boolean") return value
  if (typeof value !== "string") throw notConvertible("bool", "a bool or a string", value)
  if (TRUE.has(value)) return true
  if (FALSE.has(value)) return false
  throw new Fault("invalid_argument", "the string is no bool: it must be true or false")
}

export function convertToBytes(value: unknown, meter: Meter): Uint8Array {
  if (value instanceof Uint8Array) return value
  if (typeof value !== "string") throw notConvertible("bytes", "a string or bytes", value)
  meter.spendOn(value.length, PER_STEP.hashed)
  const bytes = encodeUtf8(value)
  meter.admit(bytes.length, "a value of bytes")
  return bytes
}

/** What stands in a text for `value`: 5.0 is `5`. A `Fault` for null, lists, maps, bytes, NaN and the infinities. */
export function toText(value: unknown): string {
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new Fault("not_json", `${value} cannot stand in a text`)
  }
  const text = printScalar(value)
  if (text !== undefined) return text
  throw new Fault(
    "type_mismatch",
    `${nameKind(value)} cannot stand in a text${TEXT_HINTS[kindOf(value)] ?? ""}`,
  )
}

const TRUE = new Set(["true", "True", "TRUE", "t", "1"])
const FALSE = new Set(["false", "False", "FALSE", "f", "0"])

const TEXT_HINTS: Partial<Record<Kind, string>> = {
  null: ": give it a default with coalesce(x, default)",
  list: ": join(list, separator) makes one of it",
  bytes: ": string(x) or base64(x) makes one of it",
}

function printScalar(value: unknown): string | undefined {
  if (typeof value === "string") return value
  if (typeof value === "number" || typeof value === "boolean") return String(value)
  if (value instanceof Int || value instanceof Uint) return String(value.value)
  return printTime(value)
}

function parseInteger(text: string, kind: string, signed: boolean): bigint {
  const first = text.charAt(0)
  const start = first === "+" || (first === "-" && signed) ? 1 : 0
  const legal = text.length > start && text.length <= LONGEST_INTEGER && everyCharacter(text, start, isDigit)
  if (!legal) throw new Fault("invalid_argument", `the string is no whole number that fits ${kind}`)
  return BigInt(first === "+" ? text.slice(1) : text)
}

function parseDouble(text: string): number {
  const named = text.length <= LONGEST_NAME ? NAMED_DOUBLES.get(text.toLowerCase()) : undefined
  if (named !== undefined) return named
  const legal = text.length > 0 && text.length <= LONGEST_DOUBLE && everyCharacter(text, 0, isNumeral)
  const number = legal ? Number(text) : Number.NaN
  if (Number.isNaN(number)) throw new Fault("invalid_argument", "the string is no number")
  return number
}

const NAMED_DOUBLES: ReadonlyMap<string, number> = new Map([
  ["nan", Number.NaN],
  ["inf", Number.POSITIVE_INFINITY],
  ["+inf", Number.POSITIVE_INFINITY],
  ["infinity", Number.POSITIVE_INFINITY],
  ["+infinity", Number.POSITIVE_INFINITY],
  ["-inf", Number.NEGATIVE_INFINITY],
  ["-infinity", Number.NEGATIVE_INFINITY],
])

function everyCharacter(text: string, from: number, test: (unit: number) => boolean): boolean {
  for (let at = from; at < text.length; at += 1) if (!test(text.charCodeAt(at))) return false
  return true
}

function isDigit(unit: number): boolean {
  return unit >= 0x30 && unit <= 0x39
}

/** Digits, `+`, `-`, `.`, `e` and `E`: of what Number() reads, what CEL reads too. */
function isNumeral(unit: number): boolean {
  return isDigit(unit) || unit === 0x2b || unit === 0x2d || unit === 0x2e || unit === 0x65 || unit === 0x45
}

function outOfRange(kind: string): Fault {
  return new Fault("overflow", `the number does not fit in ${kind}`)
}

function notConvertible(name: string, wanted: string, value: unknown): Fault {
  return new Fault("type_mismatch", `${name}(x) takes ${wanted}, not ${nameKind(value)}`)
}
