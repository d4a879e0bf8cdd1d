/** Fields and members: what `a.b` and `a[b]` find. `undefined` is "not there", which no value is. */
import { Fault } from "./error.ts"
import { PER_STEP } from "./meter.ts"
import type { Meter } from "./meter.ts"
import {
  KeyedMap,
  Reference,
  getEntry,
  getField,
  isList,
  isMap,
  isTextMap,
  nameKind,
  toNumeric,
} from "./values.ts"

/** Also `undefined` when the operand is no map; `explainNoField` tells the two apart. */
export function findField(operand: unknown, field: string): unknown {
  if (isTextMap(operand)) return getField(operand, field)
  return operand instanceof KeyedMap ? operand.get(field) : undefined
}

export function findMember(operand: unknown, key: unknown, meter: Meter): unknown {
  if (isList(operand)) {
    const position = toNumeric(key)
    if (position === undefined || !Number.isInteger(Number(position))) {
      throw new Fault("type_mismatch", `a list is indexed by a whole number, not by ${nameKind(key)}`)
    }
    return operand[Number(position)]
  }
  if (isMap(operand)) {
    if (typeof key === "string") meter.spendOn(key.length, PER_STEP.characters)
    return getEntry(operand, key)
  }
  if (operand === null) return undefined
  if (operand instanceof Reference) throw explainReference(operand)
  throw new Fault("type_mismatch", `${nameKind(operand)} has no members`)
}

/** Of an operation that takes the value of an output which is not here. */
export function explainReference(reference: Reference): Fault {
  return new Fault("kept_by_reference", () => `an expression cannot read ${reference.describe()}`)
}

export function explainNoField(operand: unknown, field: string): Fault {
  if (operand instanceof Reference) return explainReference(operand)
  if (operand !== null && !isMap(operand)) {
    return new Fault("type_mismatch", `${nameKind(operand)} has no fields, so no ${quote(field)}`)
  }
  if (operand === null) return new Fault("missing_field", `there is no ${quote(field)} in null`)
  return new Fault("missing_field", () => `there is no ${quote(field)}; ${listKeys(operand)}`)
}

/** Keys and positions are data and not quoted: the place of the fault shows the expression they came from. */
export function explainNoMember(operand: unknown): Fault {
  if (isList(operand)) {
    return new Fault("index_out_of_range", `there is no such position in a list of ${operand.length}`)
  }
  if (operand === null) return new Fault("missing_field", "null has no members")
  return new Fault("missing_field", () => `there is no such key; ${listKeys(operand)}`)
}

const SHOWN_KEYS = 8
const SHOWN_CHARACTERS = 40

function listKeys(operand: unknown): string {
  if (!isTextMap(operand)) return "the map has other keys"
  const shown: string[] = []
  for (const key of Object.keys(operand)) {
    if (shown.length === SHOWN_KEYS) return `there are ${shown.join(", ")}, …`
    shown.push(shorten(key))
  }
  return shown.length === 0 ? "the map is empty" : `there are ${shown.join(", ")}`
}

function quote(name: string): string {
  return `"${shorten(name)}"`
}

function shorten(name: string): string {
  return name.length <= SHOWN_CHARACTERS ? name : `${name.slice(0, SHOWN_CHARACTERS)}…`
}
