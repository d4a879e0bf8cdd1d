/** Equality, order and membership, across the number types too (cel-spec, "heterogeneous equality"). */
import { Fault } from "./error.ts"
import { PER_STEP } from "./meter.ts"
import type { Meter } from "./meter.ts"
import { explainReference } from "./select.ts"
import { compareText } from "./text.ts"
import { Duration, Timestamp } from "./times.ts"
import { Reference, TypeValue, getEntry, isList, isMap, keysOf, nameKind, toNumeric } from "./values.ts"
import type { AnyMap } from "./values.ts"

/** Never an error for two types: they are unequal. NaN equals nothing. */
export function equals(a: unknown, b: unknown, meter: Meter): boolean {
  return equalsAt(a, b, meter, 1)
}

function equalsAt(a: unknown, b: unknown, meter: Meter, depth: number): boolean {
  if (typeof a === "string" && typeof b === "string") {
    if (a.length !== b.length) return false
    meter.spendOn(a.length, PER_STEP.characters)
    return a === b
  }
  const x = toNumeric(a)
  if (x !== undefined) {
    const y = toNumeric(b)
    return y !== undefined && compareNumbers(x, y) === 0
  }
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b
  if (depth > meter.limits.value_depth) {
    throw new Fault("limit_exceeded", `values nested deeper than ${meter.limits.value_depth} are compared`)
  }
  meter.spend(1)
  if (a instanceof Reference) throw explainReference(a)
  if (b instanceof Reference) throw explainReference(b)
  if (isList(a)) return isList(b) && equalLists(a, b, meter, depth)
  if (isMap(a)) return isMap(b) && equalMaps(a, b, meter, depth)
  if (a instanceof Uint8Array) return b instanceof Uint8Array && compareBytes(a, b, meter) === 0
  if (a instanceof Timestamp) return b instanceof Timestamp && a.nanos === b.nanos
  if (a instanceof Duration) return b instanceof Duration && a.nanos === b.nanos
  return a instanceof TypeValue && b instanceof TypeValue && a.type === b.type
}

/**
 * Below zero, zero or above, NaN when one of them is NaN; a `Fault` for types without an order between them.
 */
export function compare(a: unknown, b: unknown, meter: Meter): number {
  const x = toNumeric(a)
  const y = toNumeric(b)
  if (x !== undefined && y !== undefined) return compareNumbers(x, y)
  if (typeof a === "string" && typeof b === "string") {
    meter.spendOn(Math.min(a.length, b.length), PER_STEP.characters)
    return compareText(a, b)
  }
  if (typeof a === "boolean" && typeof b === "boolean") return Number(a) - Number(b)
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, b, meter)
  if (a instanceof Timestamp && b instanceof Timestamp) return compareNumbers(a.nanos, b.nanos)
  if (a instanceof Duration && b instanceof Duration) return compareNumbers(a.nanos, b.nanos)
  throw new Fault("type_mismatch", `${nameKind(a)} and ${nameKind(b)} have no order`)
}

/** `value in collection`: a member of a list, a key of a map. */
export function contains(value: unknown, collection: unknown, meter: Meter): boolean {
  if (isList(collection)) {
    for (const member of collection) {
      meter.spend(1)
      if (equals(value, member, meter)) return true
    }
    return false
  }
  if (isMap(collection)) return getEntry(collection, value) !== undefined
  throw new Fault("type_mismatch", `in takes a list or a map on its right, not ${nameKind(collection)}`)
}

/** A large int becomes a double beside a double (cel-spec's conformance tests: `…_lossy_double`). */
function compareNumbers(a: number | bigint, b: number | bigint): number {
  if (typeof a !== typeof b) return compareNumbers(Number(a), Number(b))
  if (a < b) return -1
  if (a > b) return 1
  return a === b ? 0 : Number.NaN
}

function equalLists(a: readonly unknown[], b: readonly unknown[], meter: Meter, depth: number): boolean {
  if (a.length !== b.length) return false
  for (let index = 0; index < a.length; index += 1) {
    meter.spend(1)
    if (!equalsAt(a[index], b[index], meter, depth + 1)) return false
  }
  return true
}

function equalMaps(a: AnyMap, b: AnyMap, meter: Meter, depth: number): boolean {
  const keys = keysOf(a, meter)
  if (keys.length !== keysOf(b, meter).length) return false
  for (const key of keys) {
    meter.spend(1)
    const other = getEntry(b, key)
    if (other === undefined || !equalsAt(getEntry(a, key), other, meter, depth + 1)) return false
  }
  return true
}

function compareBytes(a: Uint8Array, b: Uint8Array, meter: Meter): number {
  const shared = Math.min(a.length, b.length)
  meter.spendOn(shared, PER_STEP.characters)
  for (let at = 0; at < shared; at += 1) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}
