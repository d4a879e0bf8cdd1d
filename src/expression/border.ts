/** From the evaluator's values to JSON. */
import { Fault } from "./error.ts"
import type { Limits } from "./meter.ts"
import { countUtf8, encodeBase64 } from "./text.ts"
import { printTime } from "./times.ts"
import { Extension, Int, KeyedMap, Reference, Uint, isList, nameKind } from "./values.ts"
import type { TextMap } from "./values.ts"

/** The bytes that results may still take. */
export interface Allowance {
  bytes: number
}

/**
 * The JSON of a value; data without anything to convert is handed on as it is, uncopied. A `Fault` for what
 * JSON cannot hold (NaN, infinities, types), and over the limits of size and depth. A `Reference` stays one, wherever
 * it is: whoever put it into the scope takes it out again.
 */
export function toJson(value: unknown, allowance: Allowance, limits: Readonly<Limits>): unknown {
  return convert(value, { allowance, limits }, 1)
}

/** `text` as a part of a longer one; only its size is settled here. */
export function admitText(text: string, allowance: Allowance, limits: Readonly<Limits>): string {
  payText({ allowance, limits }, text)
  return text
}

interface Border {
  allowance: Allowance
  limits: Readonly<Limits>
}

const NUMBER_BYTES = 8
const WORD_BYTES = 4
/** Quotes and a comma or colon. */
const TEXT_FRAME = 3

function convert(value: unknown, border: Border, depth: number): unknown {
  if (typeof value === "string") {
    payText(border, value)
    return value
  }
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new Fault("not_json", `the result is ${value}, which JSON cannot hold`)
    pay(border, NUMBER_BYTES)
    // -0 would not survive a history.
    return value === 0 ? 0 : value
  }
  if (value === null || typeof value === "boolean") {
    pay(border, WORD_BYTES)
    return value
  }
  if (typeof value === "object") return convertObject(value, border, depth)
  throw new Fault("not_json", `the result holds ${nameKind(value)}`)
}

function convertObject(value: object, border: Border, depth: number): unknown {
  if (depth > border.limits.value_depth) {
    throw new Fault("limit_exceeded", `the result is nested deeper than ${border.limits.value_depth} levels`)
  }
  if (value instanceof Extension) return convertExtension(value, border, depth)
  pay(border, TEXT_FRAME)
  if (isList(value)) return convertList(value, border, depth)
  if (value instanceof Uint8Array) {
    pay(border, Math.ceil(value.length / 3) * 4)
    return encodeBase64(value)
  }
  // What is neither is data with keys.
  return convertMap(value as TextMap, border, depth)
}

function convertExtension(value: Extension, border: Border, depth: number): unknown {
  if (value instanceof Int || value instanceof Uint) {
    pay(border, NUMBER_BYTES)
    return typeof value.value === "number" ? value.value : value.value.toString()
  }
  const time = printTime(value)
  if (time !== undefined) {
    payText(border, time)
    return time
  }
  pay(border, TEXT_FRAME)
  if (value instanceof Reference) return value
  if (value instanceof KeyedMap) return convertKeyedMap(value, border, depth)
  throw new Fault("not_json", "the result holds a type, which JSON cannot hold")
}

function convertList(list: readonly unknown[], border: Border, depth: number): readonly unknown[] {
  let copy: unknown[] | undefined
  for (let index = 0; index < list.length; index += 1) {
    const member = list[index]
    const converted = convert(member, border, depth + 1)
    if (!Object.is(converted, member)) copy ??= list.slice()
    if (copy !== undefined) copy[index] = converted
  }
  return copy ?? list
}

function convertMap(map: TextMap, border: Border, depth: number): unknown {
  let copy: Record<string, unknown> | undefined
  for (const key of Object.keys(map)) {
    payText(border, key)
    const member = map[key]
    const converted = convert(member, border, depth + 1)
    if (!Object.is(converted, member)) copy ??= copyMap(map)
    if (copy !== undefined) copy[key] = converted
  }
  return copy ?? map
}

function copyMap(map: TextMap): Record<string, unknown> {
  const copy: Record<string, unknown> = Object.create(null)
  for (const key of Object.keys(map)) copy[key] = map[key]
  return copy
}

function convertKeyedMap(map: KeyedMap, border: Border, depth: number): unknown {
  const object: Record<string, unknown> = Object.create(null)
  for (const { key, value: member } of map.entries.values()) {
    const name = toName(key)
    if (name in object) throw new Fault("duplicate_key", "two keys of the result are the same text in JSON")
    payText(border, name)
    object[name] = convert(member, border, depth + 1)
  }
  return object
}

/** Keys are text, bools or integers (`KeyedMap`). */
function toName(key: unknown): string {
  return key instanceof Int || key instanceof Uint ? key.value.toString() : String(key)
}

/** A text that cannot fit is not counted out. */
function payText(border: Border, text: string): void {
  pay(border, text.length > border.allowance.bytes ? text.length : countUtf8(text) + TEXT_FRAME)
}

function pay({ allowance, limits }: Border, bytes: number): void {
  allowance.bytes -= bytes
  if (allowance.bytes < 0) {
    throw new Fault("limit_exceeded", `the result is larger than ${limits.value_bytes} bytes`)
  }
}
