/**
 * The strict functions and operators: all arguments are evaluated first. What is not strict (`&&`, `||`, the
 * ternary, `coalesce`) is in `evaluate.ts`.
 */
import { add, divide, modulo, multiply, negate, subtract } from "./arithmetic.ts"
import { base64, join, jsonParse, lower, merge, round, sha256hex, sum, upper } from "./additions.ts"
import { compare, contains, equals } from "./compare.ts"
import {
  convertToBool,
  convertToBytes,
  convertToDouble,
  convertToInt,
  convertToString,
  convertToUint,
} from "./convert.ts"
import { Fault } from "./error.ts"
import { toInt } from "./integers.ts"
import { PER_STEP } from "./meter.ts"
import type { Meter } from "./meter.ts"
import { DURATION_TYPE, TIMESTAMP_TYPE } from "./signatures.ts"
import { countCodePoints } from "./text.ts"
import { readTimeField, TIME_FIELDS } from "./time-fields.ts"
import { convertToDuration, convertToTimestamp } from "./times.ts"
import { type Kind, TypeValue, isList, isMap, keysOf, kindOf, nameKind } from "./values.ts"

/** A unary one ignores `b`. */
export type StrictFunction = (a: unknown, b: unknown, meter: Meter) => unknown

export const FUNCTIONS: ReadonlyMap<string, StrictFunction> = new Map<string, StrictFunction>([
  ["_+_", add],
  ["_-_", subtract],
  ["_*_", multiply],
  ["_/_", divide],
  ["_%_", modulo],
  ["-_", negate],
  ["!_", not],
  ["_==_", equals],
  ["_!=_", (a, b, meter) => !equals(a, b, meter)],
  // NaN makes all four false.
  ["_<_", (a, b, meter) => compare(a, b, meter) < 0],
  ["_<=_", (a, b, meter) => compare(a, b, meter) <= 0],
  ["_>_", (a, b, meter) => compare(a, b, meter) > 0],
  ["_>=_", (a, b, meter) => compare(a, b, meter) >= 0],
  ["@in", contains],
  ["size", size],
  ["int", convertToInt],
  ["uint", convertToUint],
  ["double", convertToDouble],
  ["string", (value, _, meter) => convertToString(value, meter)],
  ["bool", convertToBool],
  ["bytes", (value, _, meter) => convertToBytes(value, meter)],
  ["timestamp", convertToTimestamp],
  ["duration", convertToDuration],
  ["dyn", (value) => value],
  ["type", typeOf],
  ["startsWith", startsWith],
  ["endsWith", endsWith],
  ["contains", containsText],
  ["round", round],
  ["sum", sum],
  ["join", join],
  ["lower", lower],
  ["upper", upper],
  ["base64", base64],
  ["sha256hex", sha256hex],
  ["json_parse", jsonParse],
  ["merge", merge],
  ...Object.entries(TIME_FIELDS).map(([name, field]): [string, StrictFunction] => [
    name,
    readTimeField(name, field),
  ]),
])

function not(value: unknown): boolean {
  if (typeof value === "boolean") return !value
  throw new Fault("type_mismatch", `! takes a bool, not ${nameKind(value)}`)
}

/** Code points of text, bytes of bytes, members of a list, entries of a map. */
function size(value: unknown, _: unknown, meter: Meter): unknown {
  if (typeof value === "string") {
    meter.spendOn(value.length, PER_STEP.characters)
    return toInt(countCodePoints(value))
  }
  if (isList(value) || value instanceof Uint8Array) return toInt(value.length)
  if (isMap(value)) return toInt(keysOf(value, meter).length)
  throw new Fault("type_mismatch", `size takes a string, bytes, list or map, not ${nameKind(value)}`)
}

/** Where CEL's name of a type is not that of the kind. */
const TYPES: Partial<Record<Kind, string>> = {
  null: "null_type",
  timestamp: TIMESTAMP_TYPE,
  duration: DURATION_TYPE,
}

function typeOf(value: unknown): TypeValue {
  const kind = kindOf(value)
  return new TypeValue(TYPES[kind] ?? kind)
}

function startsWith(text: unknown, prefix: unknown, meter: Meter): boolean {
  const [whole, part] = toTexts("startsWith", text, prefix)
  meter.spendOn(part.length, PER_STEP.characters)
  return whole.startsWith(part)
}

function endsWith(text: unknown, suffix: unknown, meter: Meter): boolean {
  const [whole, part] = toTexts("endsWith", text, suffix)
  meter.spendOn(part.length, PER_STEP.characters)
  return whole.endsWith(part)
}

function containsText(text: unknown, part: unknown, meter: Meter): boolean {
  const [whole, sought] = toTexts("contains", text, part)
  // V8's search is quadratic at worst.
  meter.spendOn(whole.length * Math.max(sought.length, 1), PER_STEP.searched)
  return whole.includes(sought)
}

function toTexts(name: string, text: unknown, part: unknown): [string, string] {
  if (typeof text === "string" && typeof part === "string") return [text, part]
  throw new Fault("type_mismatch", `${name} takes two strings, not ${nameKind(text)} and ${nameKind(part)}`)
}
