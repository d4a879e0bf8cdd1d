/** What cel/1 has beyond CEL's standard functions, `coalesce` apart. */
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex } from "@noble/hashes/utils.js"
import { add } from "./arithmetic.ts"
import { toText } from "./convert.ts"
import { Fault } from "./error.ts"
import { parseExactJson } from "./exact-json.ts"
import { toInt } from "./integers.ts"
import { MapBuilder } from "./map-builder.ts"
import { PER_STEP } from "./meter.ts"
import type { Meter } from "./meter.ts"
import { encodeBase64, encodeUtf8 } from "./text.ts"
import { Int, Uint, getEntry, isList, isMap, keysOf, nameKind, toNumeric } from "./values.ts"

/**
 * Halves away from zero; always a double. Exact for the double it is given: `1.005 * 100` is
 * 100.49999999999999 in IEEE 754 and rounds to 100.
 */
export function round(value: unknown): number {
  if (value instanceof Int || value instanceof Uint) return Number(value.value)
  if (typeof value !== "number") throw wrongType("round", "a number", value)
  if (!Number.isFinite(value)) return value
  const magnitude = Math.abs(value)
  const whole = Math.floor(magnitude)
  // Not floor(x + 0.5): the sum rounds, so that 0.49999999999999994 would become 1.
  const rounded = magnitude - whole >= 0.5 ? whole + 1 : whole
  return value < 0 ? -rounded : rounded
}

/** Of numbers, from left to right; an int as long as all are ints. The sum of nothing is the int 0. */
export function sum(list: unknown, _: unknown, meter: Meter): unknown {
  if (!isList(list)) throw wrongType("sum", "a list of numbers", list)
  let total: unknown
  for (const [index, member] of list.entries()) {
    meter.spend(1)
    if (toNumeric(member) === undefined) {
      throw new Fault(
        "type_mismatch",
        `sum takes a list of numbers; at position ${index} is ${nameKind(member)}`,
      )
    }
    total = total === undefined ? member : add(total, member, meter)
  }
  return total ?? toInt(0)
}

/** Members become text as in a template. */
export function join(list: unknown, separator: unknown, meter: Meter): string {
  if (!isList(list)) throw wrongType("join", "a list and a string", list)
  if (typeof separator !== "string") throw wrongType("join", "a list and a string as separator", separator)
  let joined = ""
  for (const [index, member] of list.entries()) {
    const part = toText(member)
    meter.spend(1)
    meter.admit(joined.length + separator.length + part.length, "a text")
    meter.spendOn(separator.length + part.length, PER_STEP.characters)
    joined += index === 0 ? part : separator + part
  }
  return joined
}

/** Unicode's default mapping, without a locale. */
export function lower(text: unknown, _: unknown, meter: Meter): string {
  if (typeof text !== "string") throw wrongType("lower", "a string", text)
  return changeCase(text.length, () => text.toLowerCase(), meter)
}

export function upper(text: unknown, _: unknown, meter: Meter): string {
  if (typeof text !== "string") throw wrongType("upper", "a string", text)
  return changeCase(text.length, () => text.toUpperCase(), meter)
}

export function base64(value: unknown, _: unknown, meter: Meter): string {
  const bytes = toBytes("base64", value, meter)
  const length = Math.ceil(bytes.length / 3) * 4
  meter.admit(length, "a text")
  return encodeBase64(bytes)
}

/** Of text, its UTF-8. Lower-case digits. */
export function sha256hex(value: unknown, _: unknown, meter: Meter): string {
  return bytesToHex(sha256(toBytes("sha256hex", value, meter)))
}

/** Numbers become doubles, as in every other data; those that a double does not hold stay text. */
export function jsonParse(text: unknown, _: unknown, meter: Meter): unknown {
  if (typeof text !== "string") throw wrongType("json_parse", "a string", text)
  if (text.length > meter.limits.value_bytes) {
    throw new Fault("limit_exceeded", `the text is longer than ${meter.limits.value_bytes} characters`)
  }
  meter.spendOn(text.length, PER_STEP.hashed)
  try {
    return parseExactJson(text)
  } catch {
    // The engine's own message quotes the text, which may be secret.
    throw new Fault("invalid_argument", "the string is not JSON")
  }
}

/** The entries of both, the second one's winning; not deep. */
export function merge(a: unknown, b: unknown, meter: Meter): unknown {
  if (!isMap(a)) throw wrongType("merge", "two maps", a)
  if (!isMap(b)) throw wrongType("merge", "two maps", b)
  const builder = new MapBuilder(meter)
  for (const map of [a, b]) {
    for (const key of keysOf(map, meter)) {
      meter.spend(1)
      builder.set(key, getEntry(map, key))
    }
  }
  return builder.build()
}

function changeCase(length: number, change: () => string, meter: Meter): string {
  meter.spendOn(length, PER_STEP.hashed)
  const changed = change()
  meter.admit(changed.length, "a text")
  return changed
}

function toBytes(name: string, value: unknown, meter: Meter): Uint8Array {
  if (value instanceof Uint8Array) {
    meter.spendOn(value.length, PER_STEP.hashed)
    return value
  }
  if (typeof value !== "string") throw wrongType(name, "bytes or a string", value)
  meter.spendOn(value.length, PER_STEP.hashed)
  return encodeUtf8(value)
}

function wrongType(name: string, wanted: string, value: unknown): Fault {
  return new Fault("type_mismatch", `${name} takes ${wanted}, not ${nameKind(value)}`)
}
