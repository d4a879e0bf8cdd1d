/**
 * How the evaluator holds CEL values. JSON data is used as it is: null, booleans, text, arrays (list), objects
 * (map with text keys) and numbers (double). Only what JSON lacks has a class.
 */
import type { OutputReference } from "../contract/activities.ts"
import { Fault } from "./error.ts"
import { PER_STEP } from "./meter.ts"
import type { Meter } from "./meter.ts"

/** What the classes below share, so that one `instanceof` tells them from data. */
export abstract class Extension {
  abstract get kind(): Kind
}

/** A 64-bit integer: a number when it is a safe integer, else a bigint. Never -0. */
export class Int extends Extension {
  readonly value: number | bigint

  constructor(value: number | bigint) {
    super()
    this.value = value
  }

  override get kind(): Kind {
    return "int"
  }
}

/** An unsigned 64-bit integer, held like `Int`. */
export class Uint extends Extension {
  readonly value: number | bigint

  constructor(value: number | bigint) {
    super()
    this.value = value
  }

  override get kind(): Kind {
    return "uint"
  }
}

export class TypeValue extends Extension {
  readonly type: string

  constructor(type: string) {
    super()
    this.type = type
  }

  override get kind(): Kind {
    return "type"
  }
}

/**
 * A task's output that is kept elsewhere because of its size. It can be handed on whole, and nothing can look into
 * it. No JSON becomes one: whoever makes the scope does.
 */
export class Reference extends Extension {
  /** Whose output it is. */
  readonly task: string
  readonly output: OutputReference

  constructor(task: string, output: OutputReference) {
    super()
    this.task = task
    this.output = output
  }

  override get kind(): Kind {
    return "reference"
  }

  /** As the end of a sentence that refuses it. */
  describe(): string {
    return `the output of task ${this.task}, of which only a reference is here, since it has ${this.output.bytes} bytes: name the fields that are needed in the "output" of ${this.task}, which is evaluated over the whole reply`
  }
}

type MapKey = string | boolean | number | bigint

/** A map with keys that are not all text. Numbers of equal value are one key. */
export class KeyedMap extends Extension {
  readonly entries = new Map<MapKey, { key: unknown; value: unknown }>()

  override get kind(): Kind {
    return "map"
  }

  get(key: unknown): unknown {
    return this.entries.get(toMapKey(key))?.value
  }

  set(key: unknown, value: unknown): void {
    this.entries.set(toMapKey(key), { key, value })
  }
}

/** A map whose keys are all text. */
export type TextMap = Readonly<Record<string, unknown>>
export type AnyMap = TextMap | KeyedMap
export type Kind =
  | "null"
  | "bool"
  | "int"
  | "uint"
  | "double"
  | "string"
  | "bytes"
  | "list"
  | "map"
  | "type"
  | "timestamp"
  | "duration"
  | "reference"
  /** What no JSON holds: only a caller's mistake brings it here. */
  | "unsupported"

export function kindOf(value: unknown): Kind {
  if (typeof value === "string") return "string"
  if (typeof value === "number") return "double"
  if (typeof value === "boolean") return "bool"
  return typeof value === "object" ? kindOfObject(value) : "unsupported"
}

function kindOfObject(value: object | null): Kind {
  if (value === null) return "null"
  if (Array.isArray(value)) return "list"
  if (value instanceof Extension) return value.kind
  return value instanceof Uint8Array ? "bytes" : "map"
}

const NAMED: Record<Kind, string> = {
  null: "null",
  bool: "a bool",
  int: "an int",
  uint: "a uint",
  double: "a double",
  string: "a string",
  bytes: "bytes",
  list: "a list",
  map: "a map",
  type: "a type",
  timestamp: "a timestamp",
  duration: "a duration",
  reference: "an output that is kept by reference",
  unsupported: "a value that JSON cannot hold",
}

/** The kind of a value with its article: messages name kinds, never values, since these may be secret. */
export function nameKind(value: unknown): string {
  return value instanceof Reference ? value.describe() : NAMED[kindOf(value)]
}

export function isTextMap(value: unknown): value is TextMap {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Extension) &&
    !(value instanceof Uint8Array)
  )
}

export function isMap(value: unknown): value is AnyMap {
  return value instanceof KeyedMap || isTextMap(value)
}

export function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value)
}

/** The value of a field, `undefined` when there is none. Prototypes are never looked at. */
export function getField(map: TextMap, field: string): unknown {
  return Object.prototype.propertyIsEnumerable.call(map, field) ? map[field] : undefined
}

/** The value of a key in any map, `undefined` when there is none. */
export function getEntry(map: AnyMap, key: unknown): unknown {
  if (map instanceof KeyedMap) return map.get(key)
  if (typeof key === "string") return getField(map, key)
  // Keys of another type are legal to ask for, only never there.
  toMapKey(key)
  return undefined
}

export function keysOf(map: AnyMap, meter: Meter): unknown[] {
  const keys = map instanceof KeyedMap ? Array.from(map.entries.values(), ({ key }) => key) : Object.keys(map)
  meter.spendOn(keys.length, PER_STEP.members)
  return keys
}

/** The number in an int, uint or double, for comparisons across them. */
export function toNumeric(value: unknown): number | bigint | undefined {
  if (typeof value === "number") return value
  return value instanceof Int || value instanceof Uint ? value.value : undefined
}

/** 1, 1u and 1.0 are one key (cel-spec, "heterogeneous equality"). */
function toMapKey(key: unknown): MapKey {
  if (typeof key === "string" || typeof key === "boolean") return key
  const number = toNumeric(key)
  if (number === undefined) {
    throw new Fault("type_mismatch", `the key of a map is a string, int, uint or bool, not ${nameKind(key)}`)
  }
  return Number.isInteger(number) && !Number.isSafeInteger(number) ? BigInt(number) : number
}
